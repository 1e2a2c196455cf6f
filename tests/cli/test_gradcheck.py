"""``netcli gradcheck``: no data needed, exit code 1 for a wrong gradient, which it names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from netcli.layers.registry import layer_types
from netcli.runtime.blob import PLAIN

NET = """
layer {
  name: "data" type: "Data" top: "data" top: "label"
  data_param { source: "nowhere" batch_size: 64 backend: LMDB }
}
layer {
  name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } }
}
layer { name: "tanh" type: "TanH" bottom: "ip" top: "ip" }
layer { name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy" include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""

USER_LAYER = """
import numpy as np
import caffe


class HalfSquare(caffe.Layer):
    '''A loss with the label bottom that pycaffe's examples have, and a backward pass that may be wrong.'''

    def setup(self, bottom, top):
        self.factor = float(self.param_str)

    def reshape(self, bottom, top):
        top[0].reshape(1)

    def forward(self, bottom, top):
        self.difference = bottom[0].data - bottom[1].data[:, np.newaxis]
        top[0].data[...] = np.sum(self.difference ** 2) / 2

    def backward(self, top, propagate_down, bottom):
        assert propagate_down == [True, False]
        bottom[0].diff[...] = self.factor * self.difference * top[0].diff
"""


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with net.prototxt, whose data do not exist."""
    (tmp_path / "net.prototxt").write_text(NET)
    monkeypatch.chdir(tmp_path)
    return tmp_path


MEMORY = """
layer {
  name: "data" type: "MemoryData" top: "data" top: "label"
  memory_data_param { batch_size: 3 channels: 1 height: 2 width: 2 }
}
layer {
  name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } }
}
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""


def _gradcheck(run: Any, *arguments: object) -> Any:
    return run("gradcheck", "net.prototxt", "--input-shape", "1,3,2", "--threads", 1, "--samples", 4, *arguments)


def test_table_of_a_right_net(net: Path, run: Any) -> None:
    result = _gradcheck(run, "--batch", 5)
    assert result.exit_code == 0, result.stderr
    titles, *rows = (line.split("\t") for line in result.stdout.splitlines())
    assert titles == [
        "layer",
        "type",
        "blob",
        "shape",
        "checked",
        "kinks",
        "backward",
        "differences",
        "error",
        "result",
    ]
    assert rows[0] == ["data", "Data", *[""] * 7, "not checked: it makes data"]
    assert [(row[0], row[2], row[3], row[4], row[9]) for row in rows[1:]] == [
        ("ip", "data", "5x1x3x2", "4", "ok"),
        ("ip", "param 0", "3x6", "4", "ok"),
        ("ip", "param 1", "3", "3", "ok"),
        ("tanh", "ip", "5x3", "4", "ok"),
        ("loss", "ip", "5x3", "4", "ok"),
    ]
    assert result.stderr.splitlines()[-1] == "3 of 4 layers checked, at 19 elements: all agree"


def test_wrong_gradient(net: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tanh = layer_types()["TanH"]
    monkeypatch.setattr(tanh, "backward", lambda self, tops, wanted, bottoms: bottoms[0].gradients.update(PLAIN))
    result = _gradcheck(run)
    assert result.exit_code == 1
    (row,) = (line for line in result.stdout.splitlines() if line.startswith("tanh"))
    assert row.endswith("WRONG")
    assert result.stderr.splitlines()[-2] == "3 of 4 layers checked, at 19 elements: 1 wrong"
    error = result.stderr.splitlines()[-1]
    assert error.startswith("error: net.prototxt:10:1: layer 'tanh' (TanH): wrong gradient of bottom 'ip' at (")
    assert error.endswith("by backward [NC520]")


def test_json(net: Path, run: Any) -> None:
    result = _gradcheck(run, "--json", "--layer", "ip", "--phase", "test", "--seed", 3, "--step", 1e-4)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    (layer,) = found.pop("layers")
    assert found == {
        "schema": 1, "name": "", "phase": "TEST", "step": 1e-4, "tolerance": 1e-5, "samples": 4, "seed": 3,
        "passed": True,
    }  # fmt: skip
    assert (layer["name"], layer["type"], layer["passed"], layer["reason"]) == ("ip", "InnerProduct", True, None)
    data = layer["blobs"][0]
    assert (data["kind"], data["index"], data["name"], data["shape"]) == ("bottom", 0, "data", [64, 1, 3, 2])
    assert (data["checked"], data["kinks"], data["passed"], data["reason"]) == (4, 0, True, None)
    assert len(data["worst"]["index"]) == 4
    assert data["worst"]["backward"] == pytest.approx(data["worst"]["differences"], rel=1e-6)


def test_unknown_layer(net: Path, run: Any) -> None:
    result = _gradcheck(run, "--layer", "los")
    assert result.exit_code == 2
    assert "the net has no layer 'los': did you mean 'loss'?" in result.stderr


def test_accuracy_is_listed(net: Path, run: Any) -> None:
    result = _gradcheck(run, "--phase", "TEST")
    assert result.exit_code == 0, result.stderr
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert ["accuracy", "Accuracy", *[""] * 7, "not checked: the accuracy is a step function"] in rows


@pytest.mark.parametrize(
    ("factor", "tolerance", "exit_code"), [(1, 1e-5, 0), (1.1, 1e-5, 1), (1.001, 1e-5, 1), (1.001, 1e-2, 0)]
)
def test_python_layers_of_users(net: Path, run: Any, factor: float, tolerance: float, exit_code: int) -> None:
    (net / "half_square_layer.py").write_text(USER_LAYER)
    layer = f"""
layer {{
  name: "mine" type: "Python" bottom: "ip" bottom: "label" top: "mine" loss_weight: 2
  python_param {{ module: "half_square_layer" layer: "HalfSquare" param_str: "{factor}" }}
}}
"""
    (net / "net.prototxt").write_text(NET.partition('layer { name: "loss"')[0] + layer)
    result = _gradcheck(run, "--layer", "mine", "--tolerance", tolerance)
    assert result.exit_code == exit_code, result.stderr
    (row,) = (line.split("\t") for line in result.stdout.splitlines()[1:])
    assert row[:5] == ["mine", "Python", "ip", "64x3", "4"]


def test_a_net_that_a_program_feeds(net: Path, run: Any) -> None:
    Path("net.prototxt").write_text(MEMORY)
    result = run("gradcheck", "net.prototxt", "--threads", 1, "--samples", 4)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == "2 of 3 layers checked, at 15 elements: all agree\n"
