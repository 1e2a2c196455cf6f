"""Arrays to and from BlobProto, by the bytes: a model of 60 million weights takes a fraction of a second."""

from __future__ import annotations

import math

import numpy as np

from netcli.errors import RunError
from netcli.schema import caffe_pb2 as pb

_LEGACY_FIELDS = ("num", "channels", "height", "width")


def varint(value: int) -> bytes:
    """A number as protobuf's wire format writes it."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _packed(message: type, field: str, array: np.ndarray) -> bytes:
    """The wire form of a packed repeated field: tag, length, little-endian values."""
    number = message.DESCRIPTOR.fields_by_name[field].number  # type: ignore[attr-defined]
    content = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return varint(number << 3 | 2) + varint(len(content)) + content


def array_to_blob(array: np.ndarray, diff: np.ndarray | None = None) -> pb.BlobProto:
    """A BlobProto with the shape and values of ``array`` (float32, or float64 as double_data)."""
    prefix = "double_" if array.dtype == np.float64 else ""
    wire = _packed(pb.BlobProto, prefix + "data", array)
    if diff is not None:
        wire += _packed(pb.BlobProto, prefix + "diff", diff)
    blob = pb.BlobProto.FromString(wire)
    blob.shape.dim.extend(array.shape)
    return blob


def blob_shape(blob: pb.BlobProto) -> tuple[int, ...]:
    """The shape of a BlobProto; a legacy one has always four axes (num, channels, height, width)."""
    if blob.HasField("shape") or not any(blob.HasField(name) for name in _LEGACY_FIELDS):
        return tuple(blob.shape.dim)
    return tuple(getattr(blob, name) for name in _LEGACY_FIELDS)


def is_legacy(blob: pb.BlobProto) -> bool:
    """True if the shape is given as (num, channels, height, width)."""
    return not blob.HasField("shape") and any(blob.HasField(name) for name in _LEGACY_FIELDS)


def blob_to_array(blob: pb.BlobProto, *, diff: bool = False) -> np.ndarray:
    """The values (or gradients) of a BlobProto as float32, or as float64 where they were stored so.

    Raises:
        RunError: NC451 if there are not as many values as the shape says.
    """
    field = "diff" if diff else "data"
    double = len(getattr(blob, "double_" + field)) > 0
    values = np.asarray(
        getattr(blob, ("double_" if double else "") + field), dtype=np.float64 if double else np.float32
    )
    shape = blob_shape(blob)
    if values.size != math.prod(shape):
        raise RunError.of(
            "NC451", "a stored blob is damaged", expected=f"{math.prod(shape)} values for shape {shape}",
            actual=values.size, hint="the file may be truncated",
        )  # fmt: skip
    return values.reshape(shape)


def same_shape(stored: pb.BlobProto, shape: tuple[int, ...]) -> bool:
    """True if a stored blob fits ``shape``; a legacy shape equals a shorter one with leading ones."""
    found = blob_shape(stored)
    if is_legacy(stored) and len(shape) <= 4:
        return found == (1,) * (4 - len(shape)) + shape
    return found == shape
