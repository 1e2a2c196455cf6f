"""``netcli export`` and ``netcli convert``: what they print, and what the files hold."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netcli.convert.caffemodel import read_weights, write_weights
from netcli.schema.arrays import blob_to_array

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("safetensors")

NET = """name: "Tiny"
layer { name: "data" type: "MemoryData" top: "data" top: "label"
        memory_data_param { batch_size: 4 channels: 1 height: 4 width: 4 } transform_param { scale: 0.5 } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
        inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "ip" top: "ip" }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
NOTES = """\
note: net.prototxt:2:1: layer 'data' (MemoryData): the layer becomes an input of the model, which takes values after \
the transform (scale: 0.5) [NC606]
note: net.prototxt:7:1: layer 'loss' (SoftmaxWithLoss): the layer is left out: it is a loss, which needs labels [NC605]
note: net.prototxt:2:1: layer 'data' (MemoryData): the input 'label' is left out: nothing reads it [NC605]
"""
LARGER = NET.replace('top: "ip"\n', 'top: "ip" param { name: "w" }\n') + NET[NET.index('layer { name: "ip"') :].replace(
    '"ip"', '"ip2"'
).replace('"relu"', '"relu2"').replace('"loss"', '"loss2"')


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "net.prototxt").write_text(NET)
    (tmp_path / "larger.prototxt").write_text(LARGER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_to_onnx(folder: Path, run: Any) -> None:
    result = run("export", "net.prototxt", "--seed", 1, "-o", "net.onnx")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == NOTES + (
        "wrote net.onnx: ONNX opset 17, 3 nodes, 51 parameters; input data 4x1x4x4, output ip 4x3\n"
    )
    model = onnx.load("net.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert model.producer_name == "netcli"
    assert [(imported.domain, imported.version) for imported in model.opset_import] == [("", 17)]


def test_checked_at_every_batch_size(folder: Path, run: Any) -> None:
    result = run("export", "net.prototxt", "--seed", 1, "-o", "net.onnx", "--check", "--dynamic-batch", "--batch", 2)
    assert result.exit_code == 0, result.output
    assert re.fullmatch(
        r"output\tbatch\tlargest difference\trelative\n"
        r"ip\t2\t\d\.\d\de[-+]\d\d\t\d\.\d\de[-+]\d\d\n"
        r"ip\t3\t\d\.\d\de[-+]\d\d\t\d\.\d\de[-+]\d\d\n",
        result.stdout,
    )
    assert result.stderr.endswith("; input data Nx1x4x4, output ip Nx3\n")


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ("dim: 4 dim: 16", "the net fits batches of 4, and not of 5: the new shape must hold as many values as the"),
        ("dim: 64 dim: -1", "the net fits batches of 4, and not of 5"),
        ("dim: 2 dim: -1", "the layer is not the same at every batch size"),
    ],
)
def test_layers_that_are_bound_to_a_batch_size(shape: str, said: str, folder: Path, run: Any) -> None:
    Path("bound.prototxt").write_text(
        'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 4 dim: 16 } } }\n'
        f'layer {{ name: "r" type: "Reshape" bottom: "data" top: "r" reshape_param {{ shape {{ {shape} }} }} }}\n'
        'layer { name: "relu" type: "ReLU" bottom: "r" top: "r" }\n'
    )
    assert run("export", "bound.prototxt", "--seed", 1, "-o", "fixed.onnx").exit_code == 0
    result = run("export", "bound.prototxt", "--seed", 1, "-o", "net.onnx", "--dynamic-batch")
    assert result.exit_code == 1
    assert "error: bound.prototxt:2:" in result.stderr
    assert f"layer 'r' (Reshape): {said}" in result.stderr
    assert "[NC602]" in result.stderr


def test_as_json(folder: Path, run: Any) -> None:
    result = run("export", "net.prototxt", "--seed", 1, "-o", "net.onnx", "--check", "--json")
    facts = json.loads(result.stdout)
    (checked,) = facts.pop("check")
    assert facts == {
        "schema": 1,
        "output": "net.onnx",
        "format": "onnx",
        "opset": 17,
        "nodes": 3,
        "parameters": 51,
        "inputs": [{"name": "data", "shape": [4, 1, 4, 4]}],
        "outputs": [{"name": "ip", "shape": [4, 3]}],
    }
    assert checked.keys() == {"output", "batch", "absolute", "relative"}
    assert checked["relative"] < 1e-5


def test_a_model_that_differs_is_not_written(folder: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from netcli.convert.onnx import comparison

    honest = comparison.run_model
    monkeypatch.setattr(comparison, "run_model", lambda model, inputs: [x * 1.001 for x in honest(model, inputs)])
    result = run("export", "net.prototxt", "--seed", 1, "-o", "net.onnx", "--check")
    assert result.exit_code == 1
    assert "output 'ip' of the model is not the net's at batch size 4, expected a relative difference of at most " in (
        result.stderr
    )
    assert "[NC616]" in result.stderr
    assert not Path("net.onnx").exists()
    assert run("export", "net.prototxt", "--seed", 1, "-o", "net.onnx", "--check", "--tolerance", 0.01).exit_code == 0


def test_the_weights_are_those_of_the_file(folder: Path, run: Any) -> None:
    """And not the seed's: fillers draw others."""
    assert run("export", "net.prototxt", "--seed", 1, "-o", "w.caffemodel").exit_code == 0
    assert run("export", "net.prototxt", "--seed", 2, "--weights", "w.caffemodel", "-o", "net.onnx").exit_code == 0
    (stored,) = [layer for layer in read_weights("w.caffemodel").layer if layer.name == "ip"]
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load("net.onnx").graph.initializer}
    np.testing.assert_array_equal(tensors["ip.weight"], blob_to_array(stored.blobs[0]))
    assert tensors["ip.weight"].any()


@pytest.mark.parametrize(
    ("ending", "name", "notes"),
    [
        ("caffemodel", "caffemodel", ""),
        ("safetensors", "safetensors", ""),
        ("npz", "npz", "note: npz does not keep the types and settings of the layers [NC615]\n"),
        ("h5", "HDF5", "note: HDF5 does not keep the types and settings of the layers [NC615]\n"),
    ],
)
def test_weights_in_every_format_and_back(ending: str, name: str, notes: str, folder: Path, run: Any) -> None:
    if ending == "h5":
        pytest.importorskip("h5py")
    assert run("export", "net.prototxt", "--seed", 1, "-o", "first.caffemodel").exit_code == 0
    result = run("convert", "first.caffemodel", f"w.{ending}")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{notes}wrote w.{ending}: {name}, 1 layer, 2 blobs, 51 values\n"
    exported = run("export", "net.prototxt", "--weights", f"w.{ending}", "-o", "back.caffemodel")
    assert exported.stderr == "wrote back.caffemodel: caffemodel, 1 layer, 2 blobs, 51 values\n"
    assert Path("back.caffemodel").read_bytes() == Path("first.caffemodel").read_bytes()


def test_weights_as_json(folder: Path, run: Any) -> None:
    result = run("export", "larger.prototxt", "--seed", 1, "-o", "w.npz", "--json")
    assert json.loads(result.stdout) == {
        "schema": 1, "output": "w.npz", "format": "npz", "layers": 2, "blobs": 4, "parameters": 102
    }  # fmt: skip


def test_gradients_that_are_not_kept_are_told(folder: Path, run: Any) -> None:
    message = read_weights_of_a_net(run)
    for layer in message.layer:
        for blob in layer.blobs:
            blob.diff.extend(blob.data)
    write_weights(message, "d.caffemodel")
    told = run("convert", "d.caffemodel", "d.npz").stderr.splitlines()[0]
    assert told == "note: npz does not keep the types and settings of the layers and the gradients [NC615]"
    assert run("convert", "d.caffemodel", "e.caffemodel").stderr.count("note") == 0
    assert read_weights("e.caffemodel") == message


def read_weights_of_a_net(run: Any) -> Any:
    assert run("export", "net.prototxt", "--seed", 1, "-o", "net.caffemodel").exit_code == 0
    return read_weights("net.caffemodel")


def test_weights_that_are_missing_or_left_over(folder: Path, run: Any) -> None:
    assert run("export", "net.prototxt", "--seed", 1, "-o", "net.npz").exit_code == 0
    missing = run("export", "larger.prototxt", "--weights", "net.npz", "-o", "larger.onnx")
    assert missing.exit_code == 1
    assert "there are no weights for 1 of the net's layers: ip2. hint: name every file" in missing.stderr
    assert "[NC610]" in missing.stderr
    assert not Path("larger.onnx").exists()
    assert run("export", "larger.prototxt", "--seed", 1, "-o", "larger.npz").exit_code == 0
    over = run("export", "net.prototxt", "--weights", "larger.npz", "-o", "again.safetensors")
    assert over.exit_code == 0
    assert over.stderr.splitlines()[0] == (
        "note: layers of larger.npz that the exported net does not have are left out: ip2 [NC617]"
    )
    both = run("export", "larger.prototxt", "--weights", "net.npz,larger.npz", "-o", "larger.onnx")
    assert both.exit_code == 0, both.stderr


def test_only_as_far_as_a_blob(folder: Path, run: Any) -> None:
    result = run("export", "larger.prototxt", "--seed", 1, "-o", "net.onnx", "--blob", "ip")
    assert result.stderr.endswith("3 nodes, 51 parameters; input data 4x1x4x4, output ip 4x3\n")


@pytest.mark.parametrize("option", [["--check"], ["--batch", "2"], ["--dynamic-batch"], ["--blob", "ip"]])
def test_options_for_onnx_alone(option: list[str], folder: Path, run: Any) -> None:
    result = run("export", "net.prototxt", "--seed", 1, "-o", "net.npz", *option)
    assert result.exit_code == 2
    assert f"{option[0]} is for ONNX, and 'net.npz' is a file of weights" in result.stderr


@pytest.mark.parametrize("command", [["export", "net.prototxt", "--seed", 1, "-o"], ["convert", "w.npz"]])
def test_nothing_is_overwritten_unasked(command: list[Any], folder: Path, run: Any) -> None:
    assert run("export", "net.prototxt", "--seed", 1, "-o", "w.npz").exit_code == 0
    Path("out.npz").write_text("mine")
    refused = run(*command, "out.npz")
    assert refused.exit_code == 1
    assert "[NC512]" in refused.stderr
    assert Path("out.npz").read_text() == "mine"
    assert run(*command, "out.npz", "--force").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["export", "net.prototxt", "-o", "net.onnx"], "NC618"),
        (["export", "net.prototxt", "--seed", 1, "-o", "net.pth"], "NC609"),
        (["convert", "net.prototxt", "net.npz"], "NC464"),
        (["convert", "nothing.npz", "net.npz"], "NC460"),
        (["convert", "nothing.npz", "net.onnx"], "NC609"),
    ],
)
def test_what_cannot_be(arguments: list[Any], code: str, folder: Path, run: Any) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert f"[{code}]" in result.stderr
    assert len(list(folder.iterdir())) == 2


def test_test_and_train_take_any_format(tiny: Path, run: Any) -> None:
    """``--weights`` of other commands reads what export and convert write."""
    for ending in ("safetensors", "npz"):
        assert run("export", "solver.prototxt", "--seed", 3, "-o", f"w.{ending}").exit_code == 0
        tested = run("test", "solver.prototxt", "--weights", f"w.{ending}", "--json")
        assert tested.exit_code == 0, tested.output
        trained = run(
            "train", "solver.prototxt", "--weights", f"w.{ending}", "--max-iter", 1, "--out", f"run_{ending}", "-q"
        )
        assert trained.exit_code == 0, trained.output
    digests = {json.dumps(json.loads(run("test", "net.prototxt", "--weights", f"w.{e}", "--json").stdout)["outputs"])
               for e in ("safetensors", "npz")}  # fmt: skip
    assert len(digests) == 1
