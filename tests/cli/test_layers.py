"""``netcli layers``, and docs/layers.md, which is made of the same text."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from netcli.layers.registry import layer_types
from netcli.report.layer_reference import find_type, layer_text, summary_line
from netcli.schema.documentation import message_text

ROOT = Path(__file__).resolve().parents[2]


def test_all_types_are_listed(run: Any) -> None:
    lines = [line.split("\t") for line in run("layers").stdout.splitlines()]
    assert lines[0] == ["type", "does", "fork"]
    assert [name for name, _, _ in lines[1:]] == list(layer_types())
    assert ["ReLU", "the rectified linear unit, leaky with a negative_slope", ""] in lines
    assert ["Permute", "changes the order of the axes", "SSD (weiliu89/caffe, branch ssd)"] in lines


def test_a_type_is_explained(run: Any) -> None:
    text = run("layers", "Pooling").stdout
    assert text.startswith("Pooling: one value for each window")
    assert "MAX: y[q] = max of x[p]" in text
    for fact in ("V1 name   POOLING", "bottoms   1\n", "tops      1 or 2", "in place  no"):
        assert f"  {fact}" in text
    assert "# Padding, window and stride: one number for both axes, or _h and _w.\n  pad             uint32" in text
    assert "global_pooling  bool        false    One window over the whole image." in text
    assert "STOCHASTIC: An element at random" in text
    assert "One of CEIL, FLOOR." in text


def test_messages_within_messages_and_shared_modules_are_explained(run: Any) -> None:
    text = run("layers", "LSTM").stdout
    assert "\nrecurrent\n  What RNN and LSTM share" in text
    assert "\nFillerParameter\n  How a parameter gets its first values." in text
    assert "\nloss_param { }\n" in run("layers", "SoftmaxWithLoss").stdout


@pytest.mark.parametrize(("name", "found"), [("CONVOLUTION", "Convolution"), ("softmax_loss", "SoftmaxWithLoss")])
def test_a_type_is_found_by_its_v1_name_and_in_any_case(name: str, found: str) -> None:
    layer = find_type(name, layer_types())
    assert layer is not None
    assert layer.type_name == found


def test_an_exact_name_wins() -> None:
    assert all(find_type(name, layer_types()) is layer for name, layer in layer_types().items())


def test_unknown_type(run: Any) -> None:
    result = run("layers", "Convolutoin")
    assert result.exit_code == 2
    assert "unknown layer type 'Convolutoin': did you mean 'Convolution'?" in result.stderr


def test_json_of_a_type(run: Any) -> None:
    found = json.loads(run("layers", "Convolution", "--json").stdout)
    assert found["schema"] == 1
    (layer,) = found["layers"]
    assert layer["type"] == "Convolution"
    assert layer["v1"] == "CONVOLUTION"
    assert layer["bottoms"] == [1, None]
    assert layer["tops"] == "as many as bottoms"
    assert layer["fork"] is None
    message = layer["messages"]["convolution_param"]
    assert message["message"] == "ConvolutionParameter"
    fields = {field["name"]: field for field in message["fields"]}
    assert fields["stride"] == {
        "name": "stride",
        "type": "uint32",
        "repeated": True,
        "default": None,
        "comment": "1 unless given.",
        "values": None,
    }
    assert fields["pad_w"]["comment"].startswith("The same for two spatial axes")
    assert fields["weight_filler"]["comment"] is None
    assert fields["engine"]["values"] == {"DEFAULT": "", "CAFFE": "", "CUDNN": ""}


def test_json_of_all_types(run: Any) -> None:
    layers = json.loads(run("layers", "--json").stdout)["layers"]
    assert [layer["type"] for layer in layers] == list(layer_types())


@pytest.mark.parametrize("name", layer_types())
def test_summary_fits_a_line(name: str) -> None:
    line = summary_line(layer_types()[name])
    assert 0 < len(line) <= 100
    assert not line.endswith(".")


@pytest.mark.parametrize("name", layer_types())
def test_text_fits_a_page(name: str) -> None:
    assert max(map(len, layer_text(layer_types()[name]).splitlines())) <= 122


def test_equations_in_comments_stay_lines() -> None:
    fields = {field.name: field for field in message_text("SolverParameter").fields}
    assert "  exp        base * gamma ^ i" in fields["lr_policy"].shared_comment.splitlines()


def test_nothing_heavy_is_imported() -> None:
    program = (
        "import sys\n"
        "from netcli.cli import main\n"
        "try: main(['layers', 'Convolution'])\n"
        "except SystemExit as stop: assert not stop.code\n"
        "print([name for name in ('numba', 'rich', 'cv2', 'h5py', 'lmdb') if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_page_is_fresh() -> None:
    generator = runpy.run_path(str(ROOT / "docs" / "generate_layers.py"))
    page = (ROOT / "docs" / "layers.md").read_text()
    assert page == generator["layer_reference"](), "run python docs/generate_layers.py"
