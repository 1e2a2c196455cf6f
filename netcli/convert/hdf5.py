"""HDF5 as Caffe writes it: weights as ``data/LAYER/INDEX``, gradients as ``diff/LAYER/INDEX``.

Needs the extra ``hdf5``. Files are made and read in memory, so that one place (``atomic_file``) writes to the
disk. A slash in a layer's name makes groups within groups, which reading puts together again.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from netcli.errors import RunError
from netcli.schema import caffe_pb2 as pb
from netcli.schema.arrays import array_to_blob, blob_to_array


def h5py_module(path: str) -> ModuleType:
    """h5py. Raises RunError NC457 where it is not installed."""
    try:
        import h5py
    except ImportError:
        raise RunError.of("NC457", f"'{path}' is HDF5, which needs h5py", hint='pip install "netcli[hdf5]"') from None
    return h5py


def is_hdf5(content: bytes) -> bool:
    """True if a file's content is HDF5, whatever its name says."""
    return content.startswith(b"\x89HDF\r\n\x1a\n")


def open_hdf5(content: bytes, path: str) -> Any:
    """An h5py file over ``content``. Raises RunError NC457 without h5py, NC463 where it is damaged."""
    try:
        return h5py_module(path).File(io.BytesIO(content), "r")
    except OSError:
        raise RunError.of("NC463", f"'{path}' is a truncated or corrupt HDF5 file") from None


def weights_from_hdf5(content: bytes, path: str) -> pb.NetParameter:
    """The layers with their blobs; a file says nothing else of the net.

    Raises:
        RunError: NC456 where there is no group ``data``, NC457 without h5py, NC463 a damaged file.
    """
    h5py = h5py_module(path)
    message = pb.NetParameter()
    with open_hdf5(content, path) as file:
        data = file.get("data")
        if not isinstance(data, h5py.Group):
            found = ", ".join(file) or "nothing"
            raise RunError.of("NC456", f"'{path}' is no file of weights", expected="a group 'data'", actual=found)
        try:
            for name, blobs in _layers_in(data, "", h5py):
                diffs = _arrays_in(file["diff"][name], h5py) if f"diff/{name}" in file else []
                layer = message.layer.add(name=name)
                for blob, diff in itertools.zip_longest(blobs, diffs[: len(blobs)]):
                    layer.blobs.append(array_to_blob(blob, diff))
        except (OSError, RuntimeError) as error:
            raise RunError.of("NC463", f"'{path}' is a corrupt HDF5 file: {error}") from None
    return message


def weights_to_hdf5(message: pb.NetParameter, path: str, *, with_diff: bool = False) -> memoryview:
    """The bytes of an HDF5 file with the blobs of ``message``; ``path`` serves messages only.

    Raises:
        RunError: NC458 if a layer's name cannot be a name in HDF5.
    """
    h5py = h5py_module(path)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        groups = {"data": file.create_group("data")}
        if with_diff:
            groups["diff"] = file.create_group("diff")
        for layer in message.layer:
            for kind, root in groups.items():
                try:
                    group = root.require_group(layer.name)
                    for index, blob in enumerate(layer.blobs):
                        group.create_dataset(str(index), data=blob_to_array(blob, diff=kind == "diff"))
                except (ValueError, TypeError) as error:
                    raise RunError.of(
                        "NC458", f"HDF5 cannot hold the weights in '{path}': {error}", layer=layer.name,
                        layer_type=layer.type, hint="rename the layer, or use snapshot_format: BINARYPROTO",
                    ) from None  # fmt: skip
    return buffer.getbuffer()


def _layers_in(group: Any, prefix: str, h5py: ModuleType) -> Iterator[tuple[str, list[np.ndarray]]]:
    """(name, blobs) of every layer: a group that holds no group."""
    for name, item in group.items():
        if isinstance(item, h5py.Group):
            blobs = _arrays_in(item, h5py)
            if blobs or not len(item):
                yield prefix + name, blobs
            yield from _layers_in(item, f"{prefix}{name}/", h5py)


def _arrays_in(group: Any, h5py: ModuleType) -> list[np.ndarray]:
    """The arrays ``0``, ``1``, ... of a group, float32 unless they are float64."""
    arrays: list[np.ndarray] = []
    while isinstance(item := group.get(str(len(arrays))), h5py.Dataset):
        array = item[()]
        dtype = np.float64 if array.dtype == np.float64 else np.float32
        arrays.append(np.ascontiguousarray(array, dtype).reshape(array.shape))
    return arrays
