"""Weights in every format: there and back bit for bit, and what is said of files that hold something else."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netcli.convert.caffemodel import read_weights, write_weights
from netcli.convert.formats import FORMATS, format_of
from netcli.convert.legacy_shapes import with_modern_shapes
from netcli.errors import RunError
from netcli.schema import caffe_pb2 as pb
from netcli.schema.arrays import array_to_blob, blob_shape, blob_to_array

ENDINGS = ["caffemodel", "h5", "hdf5", "npz", "safetensors"]
NEEDS = {"h5": "h5py", "hdf5": "h5py", "safetensors": "safetensors"}
AWKWARD = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-42, np.finfo(np.float32).max, 1 / 3], np.float32)


def a_net() -> pb.NetParameter:
    """Layers of all kinds of names and blobs: none, one, three; scalars, empty axes and doubles."""
    net = pb.NetParameter(name="awkward")
    net.layer.add(name="relu", type="ReLU").relu_param.negative_slope = 0.1
    blobs: dict[tuple[str, str], list[np.ndarray]] = {
        ("conv1/7x7_s2", "Convolution"): [np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2), AWKWARD[:2]],
        ("ip.1", "InnerProduct"): [AWKWARD.reshape(2, 4)],
        ("bn", "BatchNorm"): [AWKWARD, AWKWARD[::-1].copy(), np.ones(1, np.float32)],
        ("norm", "Normalize"): [np.float32(20).reshape(())],
        ("double", "InnerProduct"): [np.array([[1 / 3, 1e-300]]), np.zeros(1)],
        ("нейрон", "PReLU"): [AWKWARD],
    }
    for (name, kind), arrays in blobs.items():
        net.layer.add(name=name, type=kind, blobs=[array_to_blob(array) for array in arrays])
    return net


def arrays_of(net: pb.NetParameter) -> dict[str, list[np.ndarray]]:
    return {layer.name: [blob_to_array(blob) for blob in layer.blobs] for layer in net.layer if layer.blobs}


def assert_bit_for_bit(given: pb.NetParameter, expected: pb.NetParameter) -> None:
    left, right = arrays_of(given), arrays_of(expected)
    assert left.keys() == right.keys()
    for name, arrays in right.items():
        assert [(a.dtype, a.shape, a.tobytes()) for a in left[name]] == [
            (a.dtype, a.shape, a.tobytes()) for a in arrays
        ], name


@pytest.mark.parametrize("first", ENDINGS)
@pytest.mark.parametrize("second", ENDINGS)
def test_there_and_back(first: str, second: str, tmp_path: Path) -> None:
    """From a net to one format, from there to another, and back."""
    for ending in (first, second):
        if ending in NEEDS:
            pytest.importorskip(NEEDS[ending])
    net = a_net()
    write_weights(net, tmp_path / f"a.{first}")
    once = read_weights(tmp_path / f"a.{first}")
    assert_bit_for_bit(once, net)
    write_weights(once, tmp_path / f"b.{second}")
    assert_bit_for_bit(read_weights(tmp_path / f"b.{second}"), net)
    assert format_of(f"a.{first}").settings == (once == net)


@pytest.mark.parametrize("ending", ["caffemodel", "npz", "safetensors"])
def test_the_same_weights_give_the_same_bytes(ending: str, tmp_path: Path) -> None:
    if ending in NEEDS:
        pytest.importorskip(NEEDS[ending])
    digests = {write_weights(a_net(), tmp_path / f"{index}.{ending}") for index in range(2)}
    assert len(digests) == 1


def test_names_are_those_that_others_use(tmp_path: Path) -> None:
    write_weights(a_net(), tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as stored:
        assert sorted(stored.files) == [
            "bn.0", "bn.1", "bn.2", "conv1/7x7_s2.bias", "conv1/7x7_s2.weight", "double.bias", "double.weight",
            "ip.1.weight", "norm.0", "нейрон.0",
        ]  # fmt: skip


def test_safetensors_carry_the_net(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors")
    write_weights(a_net(), tmp_path / "w.safetensors")
    with safetensors.safe_open(tmp_path / "w.safetensors", "np") as file:
        assert file.metadata()["prototxt"].startswith('name: "awkward"\nlayer {\n  name: "relu"\n')
        np.testing.assert_array_equal(file.get_tensor("ip.1.weight"), AWKWARD.reshape(2, 4))


def test_tensors_of_others(tmp_path: Path) -> None:
    """Without netcli's metadata, in halves, and in any order."""
    numpy = pytest.importorskip("safetensors.numpy")
    halves = np.array([1, 0.5, -2], np.float16)
    numpy.save_file(
        {"a.bias": halves, "a.weight": np.ones((3, 2), np.float32), "b.0": halves}, tmp_path / "w.safetensors"
    )
    stored = arrays_of(read_weights(tmp_path / "w.safetensors"))
    assert sorted(stored) == ["a", "b"]
    assert [array.shape for array in stored["a"]] == [(3, 2), (3,)]
    assert stored["b"][0].dtype == np.float32
    np.testing.assert_array_equal(stored["b"][0], [1, 0.5, -2])


@pytest.mark.parametrize(
    ("arrays", "code", "said"),
    [
        ({"conv1": np.zeros(2, np.float32)}, "NC611", "'conv1' in"),
        ({"conv1.gamma": np.zeros(2, np.float32)}, "NC611", "expected LAYER.weight, LAYER.bias or LAYER.INDEX"),
        ({"a.bias": np.zeros(2, np.float32)}, "NC611", "has blob 1 of layer 'a', but no blob 0"),
        ({"a.0": np.zeros(2, np.float32), "a.weight": np.zeros(2, np.float32)}, "NC611", "blob 0 of layer 'a' twice"),
        ({"a.0": np.zeros(2, np.int32)}, "NC614", "actual int32"),
        ({}, "NC456", "holds no layers"),
    ],
)
def test_an_npz_that_holds_something_else(arrays: dict[str, Any], code: str, said: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(RunError) as caught:
        read_weights(tmp_path / "w.npz")
    assert caught.value.code == code
    assert said in str(caught.value)


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", **{"a.0": np.array([{}], object)})
    with pytest.raises(RunError) as caught:
        read_weights(tmp_path / "w.npz")
    assert caught.value.code == "NC463"


def test_bfloat16_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    header = json.dumps({"a.0": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(RunError) as caught:
        read_weights(tmp_path / "w.safetensors")
    assert (caught.value.code, caught.value.findings[0].actual) == ("NC614", "BF16")


@pytest.mark.parametrize("ending", ["h5", "npz", "safetensors"])
def test_damaged_files_are_told(ending: str, tmp_path: Path) -> None:
    """Cut anywhere, and with any one byte changed in the first 400: never another exception than ours."""
    if ending in NEEDS:
        pytest.importorskip(NEEDS[ending])
    write_weights(a_net(), tmp_path / f"w.{ending}")
    content = (tmp_path / f"w.{ending}").read_bytes()
    file = tmp_path / "damaged"
    for keep in (9, 20, 100, len(content) // 2, len(content) - 1):
        file.write_bytes(content[:keep])
        with pytest.raises(RunError):
            read_weights(file)
    if ending == "h5":
        return
    for place in range(0, 400, 7):
        file.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        with contextlib.suppress(RunError):
            read_weights(file)


def test_layers_of_one_name(tmp_path: Path) -> None:
    net = pb.NetParameter()
    for _ in range(2):
        net.layer.add(name="ip", blobs=[array_to_blob(AWKWARD)])
    with pytest.raises(RunError) as caught:
        write_weights(net, tmp_path / "w.npz")
    assert caught.value.code == "NC613"
    assert list(tmp_path.iterdir()) == []


def test_shapes_of_old_models_become_todays() -> None:
    """(num, channels, height, width), which a format of tensors would take for four axes."""
    net = pb.NetParameter()
    for name, kind, shapes in [
        ("conv", "Convolution", [(1, 1, 1, 5), (1, 1, 1, 2)]),
        ("ip", "InnerProduct", [(1, 1, 1, 3), (1, 1, 1, 1)]),
        ("?", "", [(1, 1, 2, 3)]),
    ]:
        layer = net.layer.add(name=name, type=kind)
        for num, channels, height, width in shapes:
            layer.blobs.add(num=num, channels=channels, height=height, width=width, data=[0.0] * (height * width))
    modern = with_modern_shapes(net)
    assert [[blob_shape(blob) for blob in layer.blobs] for layer in modern.layer] == [
        [(1, 1, 1, 5), (2,)],
        [(1, 3), (1,)],
        [(1, 1, 2, 3)],
    ]
    assert net.layer[0].blobs[0].num == 1, "the net itself stays as it is"
    assert with_modern_shapes(modern) is modern


def test_endings(tmp_path: Path) -> None:
    write_weights(a_net(), tmp_path / "W.NPZ")
    assert (tmp_path / "W.NPZ").read_bytes().startswith(b"PK")
    assert {format_of(f"a{ending.upper()}").name for ending in FORMATS} == {"caffemodel", "HDF5", "npz", "safetensors"}
    for name in ("weights", "w.pth", "w.onnx"):
        with pytest.raises(RunError) as caught:
            format_of(name)
        assert caught.value.code == "NC609"


def test_an_npz_of_numpy_itself(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{"a.weight": AWKWARD, "a.bias": AWKWARD})
    (tmp_path / "w.npz").write_bytes(buffer.getvalue())
    assert arrays_of(read_weights(tmp_path / "w.npz"))["a"][1].tobytes() == AWKWARD.tobytes()
