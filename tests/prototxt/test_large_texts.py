"""Texts that are large or nested deeply: no recursion, and (processor) time in proportion to the size."""

from __future__ import annotations

import time

import pytest

from netcli.prototxt import load, parse_text
from netcli.schema import caffe_pb2 as pb

LAYER = """layer {
  name: "conv%d"  # a comment
  type: "Convolution"
  bottom: "x"
  top: "y"
  param { lr_mult: 1 decay_mult: 1 }
  convolution_param { num_output: 64 kernel_size: [3, 3] weight_filler { type: "gaussian" std: 0.01 } }
}
"""


def test_ten_megabytes() -> None:
    count = 10_000_000 // len(LAYER) + 1
    text = "".join(LAYER % i for i in range(count))
    assert len(text) > 10_000_000
    started = time.process_time()
    message, node, findings = parse_text(text, pb.NetParameter)
    seconds = time.process_time() - started
    assert findings == []
    assert len(message.layer) == count
    assert node.find("layer", count - 1).place.line == 8 * (count - 1) + 1
    assert seconds < 15


@pytest.mark.parametrize(
    "text",
    [
        "x " * 500_000,
        "{" * 1_000_000,
        '"' * 1_000_000,
        " " * 5_000_000,
        "#" * 5_000_000,
        "name: " * 500_000,
        "[" * 10**6,
    ],
    ids=["words", "braces", "quotes", "space", "comment", "names", "brackets"],
)
def test_megabytes_of_junk_take_no_longer(text: str) -> None:
    started = time.process_time()
    parse_text(text, pb.NetParameter)
    assert time.process_time() - started < 15


@pytest.mark.parametrize("opener", ["nonsense { ", "nonsense < ", "nonsense: [ "])
def test_deep_nesting_is_told(opener: str) -> None:
    _, _, findings = parse_text(opener * 50_000, pb.NetParameter)
    assert [finding.code for finding in findings] == ["NC012", "NC010", "NC006"]
    assert "nested more than 100 deep" in findings[1].message


def test_deep_nesting_of_known_fields() -> None:
    _, _, findings = parse_text("layer { " * 50_000, pb.NetParameter)
    assert {finding.code for finding in findings} == {"NC006", "NC011"}


def test_balanced_deep_nesting() -> None:
    _, _, findings = parse_text("nonsense { " * 50_000 + "}" * 50_000, pb.NetParameter)
    assert [finding.code for finding in findings] == ["NC012", "NC010"]


def test_a_hundred_files_in_no_time(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("nets")
    for i in range(100):
        (folder / f"{i}.prototxt").write_text("".join(LAYER % j for j in range(30)))
    started = time.process_time()
    for file in folder.iterdir():
        load(file)
    assert time.process_time() - started < 5
