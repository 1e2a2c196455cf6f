"""Binary nets of every fork and age, and files that are none."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from netcli.errors import RunError
from netcli.prototxt import NetSource
from netcli.schema import binary
from netcli.schema import caffe_pb2 as pb


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def chunk(number: int, payload: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def layer_with_147(layer_type: bytes, payload: bytes) -> bytes:
    """A net with one layer, written as the fork that owns 147 for this type writes it."""
    layer = chunk(1, b"it") + chunk(2, layer_type) + chunk(147, payload)
    return chunk(1, b"net") + chunk(100, layer)


SWISH = layer_with_147(b"Swish", varint(1 << 3 | 5) + struct.pack("<f", 2.5))
MARGIN = layer_with_147(b"MarginInnerProduct", b"\x08\x0a\x10\x03" + varint(5 << 3 | 5) + struct.pack("<f", 1000.0))
CENTER = layer_with_147(b"CenterLoss", b"\x08\x0a" + chunk(2, chunk(1, b"xavier")) + b"\x18\x02")


def test_147_is_swish_in_a_bvlc_file() -> None:
    layer = binary.read_net(SWISH).layer[0]
    assert layer.swish_param.beta == 2.5
    assert not layer.HasField("margin_inner_product_param")


def test_147_is_the_center_loss_in_a_caffe_face_file() -> None:
    layer = binary.read_net(CENTER).layer[0]
    settings = layer.center_loss_param
    assert (settings.num_output, settings.center_filler.type, settings.axis) == (10, "xavier", 2)
    assert not layer.HasField("margin_inner_product_param")


def test_147_is_the_margin_layer_in_a_sphereface_file() -> None:
    param = binary.read_net(MARGIN).layer[0].margin_inner_product_param
    assert (param.num_output, param.type, param.base) == (10, pb.MarginInnerProductParameter.QUADRUPLE, 1000.0)


@pytest.mark.parametrize("data", [SWISH, MARGIN, CENTER], ids=["bvlc", "sphereface", "caffe-face"])
def test_each_fork_reads_back_what_it_wrote(data: bytes) -> None:
    net = binary.read_net(data)
    before = net.SerializeToString()
    assert binary.write_net(net) == data
    assert net.SerializeToString() == before


def test_an_empty_swish_parameter_survives() -> None:
    data = layer_with_147(b"Swish", b"")
    net = binary.read_net(data)
    assert net.layer[0].HasField("swish_param")
    assert binary.write_net(net) == data


def test_files_and_other_messages(tmp_path: Path) -> None:
    net = binary.read_net(SWISH)
    (tmp_path / "a.caffemodel").write_bytes(binary.write_net(net))
    assert (tmp_path / "a.caffemodel").read_bytes() == SWISH
    assert binary.read_net(binary.read_file(tmp_path / "a.caffemodel")) == net
    state = pb.SolverState(iter=7, learned_net="a.caffemodel")
    (tmp_path / "a.solverstate").write_bytes(state.SerializeToString())
    assert binary.read_message(binary.read_file(tmp_path / "a.solverstate"), pb.SolverState) == state


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", "NC462", "empty"),
        (MARGIN[:-3], "NC463", "truncated or corrupt"),
        (bytes(range(255, 0, -1)), "NC463", "truncated or corrupt"),
        (b'name: "LeNet"\nlayer { name: "a" }\n', "NC464", "is text"),
        (b"version https://git-lfs.github.com/spec/v1\n", "NC464", "git lfs pull"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "NC464", "HDF5"),
    ],
    ids=["empty", "truncated", "corrupt", "text", "pointer", "hdf5"],
)
def test_what_is_no_binary_net_is_told(data: bytes, code: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "w.caffemodel"
    path.write_bytes(data)
    with pytest.raises(RunError, match=words) as caught:
        binary.read_net(binary.read_file(path), str(path))
    assert caught.value.code == code
    assert str(path) in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    (tmp_path / "lenet.caffemodel").touch()
    with pytest.raises(RunError, match=r"did you mean 'lenet.caffemodel'\?") as missing:
        binary.read_file(tmp_path / "lenett.caffemodel")
    with pytest.raises(RunError) as folder:
        binary.read_file(tmp_path)
    assert [caught.value.code for caught in (missing, folder)] == ["NC460", "NC461"]


def test_old_weights_are_upgraded() -> None:
    old = pb.NetParameter(name="old")
    layer = old.layers.add(name="fc", type=pb.V1LayerParameter.INNER_PRODUCT, bottom=["x"], top=["fc"])
    layer.blobs.add(num=1, channels=1, height=2, width=3, data=[1, 2, 3, 4, 5, 6])
    layer.blobs_lr.extend([1, 2])
    data = old.SerializeToString()
    source = NetSource.from_message(binary.read_net(data), "old.caffemodel")
    new = source.param.layer[0]
    assert (new.name, new.type, list(new.blobs[0].data)) == ("fc", "InnerProduct", [1, 2, 3, 4, 5, 6])
    assert [spec.lr_mult for spec in new.param] == [1, 2]
    assert source.node is None
    assert [(notice.code, str(notice.place)) for notice in source.notices] == [("NC051", "old.caffemodel")]
    assert old.SerializeToString() == data
