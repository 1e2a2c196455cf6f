"""Files of weights: what is in them, whoever reads them, and what is said of files that are none."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from solver_cases import CLASSIFIER, DUMMY_DATA, all_weights, make_solver, solver_source

from netcli.convert.caffemodel import read_weights, write_weights
from netcli.errors import ConfigError, RunError
from netcli.net.weights import load_weights
from netcli.schema import caffe_pb2 as pb
from netcli.schema.arrays import array_to_blob, blob_to_array
from netcli.solver import Solver

WEIGHT = np.arange(6, dtype=np.float32).reshape(2, 3)
BIAS = np.array([0.5, -0.5], np.float32)


def a_net(*, diff: bool = False, name: str = "ip") -> pb.NetParameter:
    message = pb.NetParameter(name="a")
    layer = message.layer.add(name=name, type="InnerProduct")
    for array in (WEIGHT, BIAS):
        layer.blobs.append(array_to_blob(array, -array if diff else None))
    message.layer.add(name="relu", type="ReLU")
    return message


def test_a_snapshots_weights_read_through_the_schema_alone(tmp_path: Path) -> None:
    solver = make_solver(default_prefix=str(tmp_path / "m"))
    solver.step(2)
    solver.snapshot()
    message = pb.NetParameter.FromString((tmp_path / "m_iter_2.caffemodel").read_bytes())
    assert [layer.name for layer in message.layer] == ["data", "ip", "loss"]
    blobs = message.layer[1].blobs
    assert [list(blob.shape.dim) for blob in blobs] == [[3, 6], [3]]
    assert not any(blob.diff or blob.HasField("num") for blob in blobs)
    for blob, weights in zip(blobs, all_weights(solver), strict=True):
        np.testing.assert_array_equal(np.array(blob.data, np.float32), weights.reshape(-1))
    assert not (tmp_path / "m_iter_2.caffemodel").read_bytes().startswith(b"{")


@pytest.mark.parametrize("form", ["BINARYPROTO", "HDF5"])
def test_snapshot_diff_keeps_the_gradients(form: str, tmp_path: Path) -> None:
    ending = ".h5" if form == "HDF5" else ""
    if ending:
        pytest.importorskip("h5py")
    solver = make_solver(f"snapshot_diff: true snapshot_format: {form}", default_prefix=str(tmp_path / "m"))
    solver.step(1)
    solver.snapshot()
    stored = {layer.name: layer.blobs for layer in read_weights(tmp_path / f"m_iter_1.caffemodel{ending}").layer}
    for param, blob in zip(solver.net.params["ip"], stored["ip"], strict=True):
        assert np.abs(param.diff).max() > 0
        np.testing.assert_array_equal(blob_to_array(blob, diff=True), param.diff)


@pytest.mark.parametrize("ending", ["caffemodel", "caffemodel.h5"])
@pytest.mark.parametrize("diff", [False, True])
def test_there_and_back(ending: str, diff: bool, tmp_path: Path) -> None:
    if ending.endswith("h5"):
        pytest.importorskip("h5py")
    path = tmp_path / f"m.{ending}"
    write_weights(a_net(diff=diff), path, with_diff=diff)
    blobs = next(layer for layer in read_weights(path).layer if layer.name == "ip").blobs
    for blob, array in zip(blobs, (WEIGHT, BIAS), strict=True):
        np.testing.assert_array_equal(blob_to_array(blob), array)
        assert blob_to_array(blob).shape == array.shape
        if diff:
            np.testing.assert_array_equal(blob_to_array(blob, diff=True), -array)
        else:
            assert not blob.diff


def test_hdf5_takes_layer_names_with_slashes(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    write_weights(a_net(name="inception_3a/1x1"), tmp_path / "m.h5")
    stored = read_weights(tmp_path / "m.h5")
    assert {layer.name: len(layer.blobs) for layer in stored.layer} == {"inception_3a/1x1": 2, "relu": 0}


def test_a_name_that_hdf5_cannot_hold_is_told(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    message = a_net()
    message.layer.add(name="ip/0", type="InnerProduct").blobs.append(array_to_blob(BIAS))
    with pytest.raises(RunError, match=r"layer 'ip/0' .*snapshot_format: BINARYPROTO") as caught:
        write_weights(message, tmp_path / "m.h5")
    assert caught.value.code == "NC458"
    assert not list(tmp_path.iterdir())


def test_the_content_decides_the_format(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    write_weights(a_net(), tmp_path / "m.h5")
    (tmp_path / "m.h5").rename(tmp_path / "m.caffemodel")
    assert [layer.name for layer in read_weights(tmp_path / "m.caffemodel").layer] == ["ip", "relu"]


def test_old_weights_load(tmp_path: Path) -> None:
    """V1 layers and blobs of four axes: what the model zoo holds."""
    solver = make_solver()
    old = pb.NetParameter(name="old")
    layer = old.layers.add(name="ip", type=pb.V1LayerParameter.INNER_PRODUCT)
    layer.blobs.add(num=1, channels=1, height=3, width=6, data=range(18))
    layer.blobs.add(num=1, channels=1, height=1, width=3, data=[1, 2, 3])
    (tmp_path / "old.caffemodel").write_bytes(old.SerializeToString())
    report = solver.load_weights(tmp_path / "old.caffemodel")
    assert report.reshaped == ["ip"]
    weight, bias = all_weights(solver)
    np.testing.assert_array_equal(weight, np.arange(18).reshape(3, 6))
    np.testing.assert_array_equal(bias, [1, 2, 3])


def test_weights_named_in_the_solver(tmp_path: Path) -> None:
    trained = make_solver(default_prefix=str(tmp_path / "m"))
    trained.step(3)
    trained.snapshot()
    solver = make_solver(f'weights: "{tmp_path}/m_iter_3.caffemodel"', seed=99)
    for a, b in zip(all_weights(solver), all_weights(trained), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ConfigError) as caught:
        make_solver('weights: "none.caffemodel"')
    assert caught.value.code == "NC001"


def test_several_weights_in_one_entry(tmp_path: Path) -> None:
    write_weights(a_net(name="x"), tmp_path / "x.caffemodel")
    trained = make_solver(default_prefix=str(tmp_path / "m"))
    trained.snapshot()
    with pytest.raises(RunError) as caught:
        make_solver(f'weights: "{tmp_path}/m_iter_0.caffemodel, {tmp_path}/x.caffemodel"')
    assert caught.value.code == "NC454"


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        ("none.caffemodel", None, "NC460", "no such file"),
        ("m.caffemodel", b"", "NC462", "empty"),
        ("m.caffemodel", b"layer { }\n", "NC464", "text"),
        ("m.caffemodel", b"version https://git-lfs.github.com/spec/v1\n", "NC464", "git lfs pull"),
        ("m.caffemodel", a_net().SerializeToString()[:-9], "NC463", "truncated"),
        ("m.solverstate", pb.SolverState(iter=3).SerializeToString(), "NC456", "give its .caffemodel"),
        ("m.onnx", b"\x08\x08\x12\x06netcli", "NC456", "the weights that it was exported from"),
        ("m.h5", b"\x89HDF\r\n\x1a\n" + bytes(99), "NC463", "HDF5"),
    ],
)
def test_files_that_are_no_weights(name: str, content: bytes | None, code: str, words: str, tmp_path: Path) -> None:
    if name.endswith("h5"):
        pytest.importorskip("h5py")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(RunError, match=words) as caught:
        read_weights(tmp_path / name)
    assert caught.value.code == code
    assert name in str(caught.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="a folder") as caught:
        read_weights(tmp_path)
    assert caught.value.code == "NC461"


def test_hdf5_without_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "m.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    for call in (lambda: read_weights(tmp_path / "m.h5"), lambda: write_weights(a_net(), tmp_path / "n.h5")):
        with pytest.raises(RunError, match=r"pip install \"netcli\[hdf5\]\"") as caught:
            call()
        assert caught.value.code == "NC457"


def test_hdf5_of_another_kind(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["images"] = np.zeros(3)
    with pytest.raises(RunError, match="expected a group 'data', actual images") as caught:
        read_weights(tmp_path / "m.h5")
    assert caught.value.code == "NC456"


def test_a_blob_of_another_shape_is_named() -> None:
    solver = Solver(solver_source('base_lr: 1 lr_policy: "fixed"', DUMMY_DATA + CLASSIFIER))
    with pytest.raises(RunError, match=r"expected \(3, 6\), actual \(2, 3\) in m") as caught:
        load_weights(solver.net, a_net(), "m")
    assert caught.value.code == "NC453"
