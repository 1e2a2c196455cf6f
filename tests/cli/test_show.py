"""``netcli show``: JSON as promised, tables, phases and shapes without data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from netcli.layers.registry import layer_types
from netcli.prototxt import load_net

ROOT = Path(__file__).resolve().parents[2]

SHARED_PARAMETERS = """
name: "Twins"
layer { name: "in" type: "Input" top: "a" top: "b" input_param { shape { dim: 2 dim: 4 } } }
layer {
  name: "left" type: "InnerProduct" bottom: "a" top: "left" param { name: "w" } param { name: "b" }
  inner_product_param { num_output: 3 }
}
layer {
  name: "right" type: "InnerProduct" bottom: "b" top: "right" param { name: "w" } param { name: "b" }
  inner_product_param { num_output: 3 }
}
layer { name: "relu" type: "ReLU" bottom: "left" top: "left" }
layer { name: "p" type: "Softmax" bottom: "left" top: "p" }
layer { name: "q" type: "Softmax" bottom: "left" top: "q" }
"""


def _show(run: Any, *arguments: object) -> dict[str, Any]:
    result = run("show", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_json_of_a_net_with_splits_shared_parameters_and_in_place_layers(tmp_path: Path, run: Any) -> None:
    file = tmp_path / "twins.prototxt"
    file.write_text(SHARED_PARAMETERS)
    assert _show(run, file) == {
        "schema": 1,
        "name": "Twins",
        "phase": "TEST",
        "blobs": {"a": [2, 4], "b": [2, 4], "left": [2, 3], "right": [2, 3], "p": [2, 3], "q": [2, 3]},
        "params": {"left": [[3, 4], [3]], "right": [[3, 4], [3]]},
        "layers": [
            {"name": "in", "type": "Input", "bottoms": [], "tops": ["a", "b"], "macs": 0, "params": 0},
            {"name": "left", "type": "InnerProduct", "bottoms": ["a"], "tops": ["left"], "macs": 24, "params": 15},
            {"name": "right", "type": "InnerProduct", "bottoms": ["b"], "tops": ["right"], "macs": 24, "params": 0},
            {"name": "relu", "type": "ReLU", "bottoms": ["left"], "tops": ["left"], "macs": 0, "params": 0},
            {"name": "p", "type": "Softmax", "bottoms": ["left"], "tops": ["p"], "macs": 0, "params": 0},
            {"name": "q", "type": "Softmax", "bottoms": ["left"], "tops": ["q"], "macs": 0, "params": 0},
        ],
        "totals": {
            "layers": 6,
            "params": 15,
            "macs": 48,
            "activation_bytes": 4 * (8 + 8 + 6 + 6 + 6 + 6),
            "param_bytes": 60,
        },
    }


def test_table_is_tab_separated_when_piped(tmp_path: Path, run: Any) -> None:
    file = tmp_path / "twins.prototxt"
    file.write_text(SHARED_PARAMETERS)
    lines = run("show", file).stdout.splitlines()
    assert lines[0] == "layer\ttype\tbottoms\ttops\tshape\tparams\tlr/decay\tMACs\tmemory"
    assert lines[1] == "in\tInput\t\ta b\t2x4 2x4\t\t\t\t64 B"
    assert lines[2] == "left\tInnerProduct\ta\tleft\t2x3\t15\t1/1 1/1\t24\t24 B"
    assert lines[3] == "right\tInnerProduct\tb\tright\t2x3\t0\t1/1 1/1\t24\t24 B"
    assert lines[4] == "relu\tReLU\tleft\tleft\t2x3\t\t\t\t0 B"
    assert len(lines) == 7


def test_phases_of_a_solver(run: Any) -> None:
    train = _show(run, ROOT / "configs" / "lenet.prototxt")
    test = _show(run, ROOT / "configs" / "lenet.prototxt", "--phase", "TEST")
    assert (train["phase"], train["blobs"]["data"]) == ("TRAIN", [64, 1, 28, 28])
    assert (test["phase"], test["blobs"]["data"]) == ("TEST", [100, 1, 28, 28])
    assert "accuracy" not in train["blobs"]
    assert test["blobs"]["accuracy"] == []
    assert train["totals"]["params"] == test["totals"]["params"] == 431080


def test_a_net_says_its_own_phase(tmp_path: Path, run: Any) -> None:
    file = tmp_path / "net.prototxt"
    file.write_text(
        'state { phase: TRAIN } layer { name: "in" type: "Input" top: "a" input_param { shape { dim: 1 } } }'
    )
    assert _show(run, file)["phase"] == "TRAIN"
    assert _show(run, file, "--phase", "test")["phase"] == "TEST"


def test_stages_and_levels(tmp_path: Path, run: Any) -> None:
    file = tmp_path / "net.prototxt"
    file.write_text(
        'layer { name: "a" type: "Input" top: "a" input_param { shape { dim: 1 } } }\n'
        'layer { name: "b" type: "Input" top: "b" input_param { shape { dim: 1 } } include { stage: "deploy" } }\n'
        'layer { name: "c" type: "Input" top: "c" input_param { shape { dim: 1 } } include { min_level: 2 } }\n'
    )
    assert list(_show(run, file)["blobs"]) == ["a"]
    assert list(_show(run, file, "--stage", "deploy")["blobs"]) == ["a", "b"]
    assert list(_show(run, file, "--level", 2)["blobs"]) == ["a", "c"]


def test_data_that_are_elsewhere_need_a_shape(run: Any) -> None:
    file = ROOT / "configs" / "softmax_regression.prototxt"
    assert _show(run, file)["blobs"]["data"] == [64, 1, 28, 28]


def test_input_shape(tiny: Path, run: Any) -> None:
    net = Path("net.prototxt").read_text().replace("train_lmdb", "nowhere")
    Path("away.prototxt").write_text(net)
    refused = run("show", "away.prototxt", "--phase", "TRAIN")
    assert refused.exit_code == 3
    assert "--input-shape C,H,W" in refused.stderr
    assert "[NC130]" in refused.stderr
    shown = _show(run, "away.prototxt", "--phase", "TRAIN", "--input-shape", "3,8,8")
    assert shown["blobs"]["data"] == [4, 3, 8, 8]
    assert shown["params"]["ip"] == [[3, 192], [3]]


@pytest.mark.parametrize("wrong", ["3,8", "3,8,0", "a,b,c"])
def test_input_shape_must_be_three_sizes(run: Any, wrong: str) -> None:
    result = run("show", "x.prototxt", "--input-shape", wrong)
    assert result.exit_code == 2
    assert "C,H,W" in result.stderr


def test_a_crop_implies_the_shape(tiny: Path, run: Any) -> None:
    net = Path("net.prototxt").read_text().replace("train_lmdb", "nowhere").replace("scale: 0.00390625", "crop_size: 6")
    Path("crop.prototxt").write_text(net)
    assert _show(run, "crop.prototxt", "--phase", "TRAIN")["blobs"]["data"] == [4, 3, 6, 6]


def test_shapes_are_those_of_caffe(shared: Path, run: Any) -> None:
    """Every net of the corpus whose layers exist."""
    expected = json.loads((shared / "corpus" / "shapes.json").read_text())
    compared = 0
    for name, shapes in expected.items():
        file = shared / "corpus" / name
        if not {layer.type for layer in load_net(file).param.layer} <= set(layer_types()):
            continue
        shown = _show(run, file, "--phase", "TEST")
        blobs = {blob: shape for blob, shape in shapes["blobs"].items() if "_split_" not in blob}
        assert list(shown["blobs"].items()) == list(blobs.items()), name
        assert list(shown["params"].items()) == list(shapes["params"].items()), name
        compared += 1
    assert compared >= 3
