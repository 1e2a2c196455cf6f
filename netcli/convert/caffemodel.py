"""Files of weights: Caffe's ``.caffemodel``, of any age and fork, its HDF5 twin, safetensors and npz."""

from __future__ import annotations

import hashlib
import os

from netcli.convert.atomic_file import write_atomically
from netcli.convert.hdf5 import is_hdf5, weights_from_hdf5, weights_to_hdf5
from netcli.convert.npz import is_npz, weights_from_npz, weights_to_npz
from netcli.convert.safetensors import is_safetensors, weights_from_safetensors, weights_to_safetensors
from netcli.errors import ConfigError, RunError
from netcli.prototxt import NetSource
from netcli.schema import caffe_pb2 as pb
from netcli.schema.binary import read_file, read_net, write_net

KIND = "a file of weights (.caffemodel, .h5, .safetensors or .npz)"


def read_weights(path: str | os.PathLike[str]) -> pb.NetParameter:
    """A net with blobs, in modern form. The format is told from the content.

    Raises:
        RunError: NC456 not a file of weights, NC457 HDF5 without h5py, NC460 no such file, NC461 unreadable,
            NC462 empty, NC463 truncated or corrupt, NC464 text; NC05x an old net that cannot be upgraded; NC611,
            NC612, NC614 safetensors or npz that hold something else, or need a package.
    """
    file = os.fspath(path)
    content = read_file(path, KIND)
    net = _read(content, file)
    if not net.layer and not net.layers:
        raise RunError.of("NC456", f"'{file}' holds no layers", expected=KIND)
    try:
        return NetSource.from_message(net, file).param
    except ConfigError as error:
        raise RunError(error.findings) from error


def _read(content: bytes, file: str) -> pb.NetParameter:
    if is_hdf5(content):
        return weights_from_hdf5(content, file)
    if is_safetensors(content):
        return weights_from_safetensors(content, file)
    if is_npz(content):
        return weights_from_npz(content, file)
    if ".solverstate" in os.path.basename(file):
        hint = "a .solverstate holds no weights: give its .caffemodel"
        raise RunError.of("NC456", f"'{file}' is no file of weights", expected=KIND, hint=hint)
    if file.lower().endswith(".onnx"):
        hint = "ONNX is written, but not read: give the weights that it was exported from"
        raise RunError.of("NC456", f"'{file}' is no file of weights", expected=KIND, hint=hint)
    return read_net(content, file)


def write_weights(message: pb.NetParameter, path: str | os.PathLike[str], *, with_diff: bool = False) -> str:
    """Writes ``message`` atomically: as HDF5, safetensors or npz if the name says so, else in Caffe's binary format.

    Args:
        with_diff: HDF5 keeps gradients apart; True writes them too. The binary form holds what the blobs hold.

    Returns:
        The SHA-256 of the file's content, in hexadecimal.

    Raises:
        RunError: NC457 HDF5 without h5py, NC458 names that HDF5 cannot hold, NC459 the file cannot be written, NC612
            without safetensors, NC613 layers that formats of named tensors cannot tell apart.
    """
    file = os.fspath(path)
    content = _content(message, file, with_diff)
    write_atomically(path, content)
    return hashlib.sha256(content).hexdigest()


def _content(message: pb.NetParameter, file: str, with_diff: bool) -> bytes | memoryview:
    ending = os.path.splitext(file)[1].lower()
    if ending in (".h5", ".hdf5"):
        return weights_to_hdf5(message, file, with_diff=with_diff)
    if ending == ".safetensors":
        return weights_to_safetensors(message, file)
    if ending == ".npz":
        return weights_to_npz(message)
    return write_net(message)
