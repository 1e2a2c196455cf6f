"""Weights as NumPy's ``.npz``: one array for each blob, named as in ``tensor_names``."""

from __future__ import annotations

import io
import zipfile
import zlib

import numpy as np

from netcli.convert.tensor_names import layers_of, tensors_of
from netcli.errors import RunError
from netcli.schema import caffe_pb2 as pb


def is_npz(content: bytes) -> bool:
    """True if a file's content is a zip archive, which an .npz is."""
    return content.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def weights_from_npz(content: bytes, path: str) -> pb.NetParameter:
    """The layers with their blobs; a file says nothing else of the net.

    Raises:
        RunError: NC463 a damaged file; NC611, NC614 as ``layers_of``.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays = [(name, stored[name]) for name in stored.files]
    except (OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise RunError.of("NC463", f"'{path}' is a truncated or corrupt .npz file: {error}") from None
    message = pb.NetParameter()
    for name, blobs in layers_of(arrays, path).items():
        message.layer.add(name=name, blobs=blobs)
    return message


def weights_to_npz(message: pb.NetParameter) -> bytes:
    """The bytes of an .npz file; the same weights give the same bytes. Raises RunError NC613 as ``tensors_of``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, array in tensors_of(message).items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)
    return buffer.getvalue()
