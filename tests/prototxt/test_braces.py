"""Braces that do not pair, and what the indentation tells of them."""

from __future__ import annotations

import pytest

from netcli.errors import Finding
from netcli.prototxt import parse_text
from netcli.prototxt.braces import mends
from netcli.schema import caffe_pb2 as pb

NET = """name: "net"
layer {
  name: "conv1"
  type: "Convolution"
  convolution_param {
    num_output: 20
    weight_filler { type: "xavier" }
  }
}
layer {
  name: "relu1"
  type: "ReLU"
}
"""


def findings_of(text: str) -> list[Finding]:
    return parse_text(text, pb.NetParameter, "net.prototxt")[2]


def test_nothing_to_mend():
    assert mends(NET) == []
    assert findings_of(NET) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (7, ("7:36", "'weight_filler {' at net.prototxt:7:5")),
        (8, ("8:3", "'convolution_param {' at net.prototxt:5:3")),
        (9, ("9:1", "'layer {' at net.prototxt:2:1")),
        (13, ("13:1", "'layer {' at net.prototxt:10:1")),
    ],
)
def test_missing_brace_is_found_where_it_stood(line, expected):
    lines = NET.splitlines(keepends=True)
    before, _, after = lines[line - 1].rpartition("}")
    lines[line - 1] = before + after
    (finding,) = findings_of("".join(lines))
    assert (finding.code, finding.suggestion) == ("NC006", "}")
    assert f"{finding.place.line}:{finding.place.column}" == expected[0]
    assert expected[1] in finding.message


def test_missing_line_is_found_before_the_next_one():
    lines = NET.splitlines(keepends=True)
    del lines[7]
    (finding,) = findings_of("".join(lines))
    assert (finding.code, finding.place.line) == ("NC006", 8)


@pytest.mark.parametrize(
    ("line", "text", "found"),
    [
        (6, "    num_output: 20 }\n", 6),
        (7, '    weight_filler { type: "xavier" } }\n', 7),
        (8, "  }\n}\n", 10),
        (9, "}\n}\n", 10),
        (1, 'name: "net" }\n', 1),
    ],
)
def test_extra_brace_is_found_where_it_stands(line, text, found):
    lines = NET.splitlines(keepends=True)
    lines[line - 1] = text
    (finding,) = findings_of("".join(lines))
    assert (finding.code, finding.place.line) == ("NC007", found)


def test_mended_text_is_read_whole():
    """What stands behind the mistake is known, so that its mistakes are reported too."""
    message, _, findings = parse_text(NET.replace("  }\n}", "}") + "lyer { }\n", pb.NetParameter)
    assert [layer.name for layer in message.layer] == ["conv1", "relu1"]
    assert [finding.code for finding in findings] == ["NC006", "NC012"]


def test_text_that_is_not_indented_tells_nothing():
    flat = "\n".join(line.strip() for line in NET.splitlines())
    assert mends(flat.replace("}\n}", "}", 1)) == []
    assert [finding.code for finding in findings_of(flat.replace("}\n}", "}", 1))] == ["NC006"]


def test_text_that_is_cut_off_is_one_mistake():
    cut = NET[: NET.index("weight_filler")]
    assert mends(cut) == []
    assert len(findings_of(cut)) == 1
