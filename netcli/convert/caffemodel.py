"""Files of weights: Caffe's ``.caffemodel``, of any age and fork, and its HDF5 twin ``.caffemodel.h5``."""

from __future__ import annotations

import hashlib
import os

from netcli.convert.atomic_file import write_atomically
from netcli.convert.hdf5 import is_hdf5, weights_from_hdf5, weights_to_hdf5
from netcli.errors import ConfigError, RunError
from netcli.prototxt import NetSource
from netcli.schema import caffe_pb2 as pb
from netcli.schema.binary import read_file, read_net, write_net

KIND = "a file of weights (.caffemodel or .caffemodel.h5)"


def read_weights(path: str | os.PathLike[str]) -> pb.NetParameter:
    """A net with blobs, in modern form. The format is told from the content.

    Raises:
        RunError: NC456 not a file of weights, NC457 HDF5 without h5py, NC460 no such file, NC461 unreadable,
            NC462 empty, NC463 truncated or corrupt, NC464 text; NC05x an old net that cannot be upgraded.
    """
    file = os.fspath(path)
    content = read_file(path, KIND)
    if is_hdf5(content):
        return weights_from_hdf5(content, file)
    if ".solverstate" in os.path.basename(file):
        hint = "a .solverstate holds no weights: give its .caffemodel"
        raise RunError.of("NC456", f"'{file}' is no file of weights", expected=KIND, hint=hint)
    net = read_net(content, file)
    if not net.layer and not net.layers:
        raise RunError.of("NC456", f"'{file}' holds no layers", expected=KIND)
    try:
        return NetSource.from_message(net, file).param
    except ConfigError as error:
        raise RunError(error.findings) from error


def write_weights(message: pb.NetParameter, path: str | os.PathLike[str], *, with_diff: bool = False) -> str:
    """Writes ``message`` atomically: as HDF5 if ``path`` ends in ``.h5``, else as Caffe's binary format.

    Args:
        with_diff: HDF5 keeps gradients apart; True writes them too. The binary form holds what the blobs hold.

    Returns:
        The SHA-256 of the file's content, in hexadecimal.

    Raises:
        RunError: NC457 HDF5 without h5py, NC458 names that HDF5 cannot hold, NC459 the file cannot be written.
    """
    file = os.fspath(path)
    content = weights_to_hdf5(message, file, with_diff=with_diff) if file.endswith(".h5") else write_net(message)
    write_atomically(path, content)
    return hashlib.sha256(content).hexdigest()
