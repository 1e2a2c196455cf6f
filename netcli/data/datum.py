"""Caffe's Datum, the record of one labelled image: to and from numpy arrays.

Pixels are C x H x W, colour in the order blue, green, red. They stand in one of three forms: ``data`` (one byte a
value), ``float_data``, or ``data`` holding a compressed image file with ``encoded`` set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from google.protobuf.message import DecodeError

from netcli.data.image_decoding import Colour, UnreadableImage, decode_image
from netcli.errors import RunError
from netcli.schema import caffe_pb2 as pb

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


@dataclass(slots=True)
class Item:
    """One example: ``pixels`` (C, H, W) uint8 or float32, and its ``label``, None when there is none.

    ``encoded`` is true where the pixels had to be decoded from an image file.
    """

    pixels: np.ndarray
    label: int | None
    encoded: bool = False


class CorruptDatum(Exception):
    """Bytes that are no usable Datum, with the reason; the source that knows the key makes an error of it."""


def parse_datum(value: bytes, colour: Colour = Colour.STORED) -> Item:
    """Decodes one record.

    Args:
        value: a serialised Datum.
        colour: for encoded images only.

    Raises:
        CorruptDatum: it cannot be parsed, or its sizes and its pixels disagree.
        RunError: NC206, the image is encoded and OpenCV is not installed.
    """
    try:
        datum = pb.Datum.FromString(value)
    except DecodeError as error:
        raise CorruptDatum(f"{len(value)} bytes that are no Datum message") from error
    label = datum.label if datum.HasField("label") else None
    if datum.encoded:
        try:
            return Item(decode_image(datum.data, colour), label, encoded=True)
        except UnreadableImage as error:
            raise CorruptDatum(str(error)) from error
    shape = (datum.channels, datum.height, datum.width)
    if min(shape) < 1:
        raise CorruptDatum(f"channels x height x width is {shape[0]} x {shape[1]} x {shape[2]}")
    if datum.data:
        flat: np.ndarray = np.frombuffer(datum.data, np.uint8)
    else:
        flat = np.asarray(datum.float_data, np.float32)
    expected = shape[0] * shape[1] * shape[2]
    if flat.size != expected:
        raise CorruptDatum(f"{flat.size} values for {shape[0]} x {shape[1]} x {shape[2]}, which are {expected}")
    return Item(flat.reshape(shape), label)


def make_encoded_datum(content: bytes, shape: tuple[int, int, int], label: int | None) -> bytes:
    """Serialises one example as a compressed image file, with the (C, H, W) of its pixels.

    Raises:
        RunError: NC214, the label does not fit into 32 bits.
    """
    channels, height, width = shape
    datum = pb.Datum(channels=channels, height=height, width=width, encoded=True, data=content)
    return _with_label(datum, label)


def make_datum(pixels: np.ndarray, label: int | None) -> bytes:
    """Serialises one example.

    Args:
        pixels: (C, H, W); uint8 is stored as bytes, anything else as float32.
        label: a 32-bit integer, or None to store none.

    Raises:
        RunError: NC214, the label does not fit into 32 bits.
    """
    channels, height, width = pixels.shape
    datum = pb.Datum(channels=channels, height=height, width=width)
    if pixels.dtype == np.uint8:
        datum.data = pixels.tobytes()
    else:
        datum.float_data.extend(pixels.astype(np.float32).ravel().tolist())
    return _with_label(datum, label)


def _with_label(datum: pb.Datum, label: int | None) -> bytes:
    if label is not None:
        if not INT32_MIN <= label <= INT32_MAX:
            raise RunError.of(
                "NC214", "label does not fit into a Datum", expected=f"{INT32_MIN} to {INT32_MAX}", actual=label
            )
        datum.label = label
    return datum.SerializeToString()


def by(shape: tuple[int, ...]) -> str:
    """A shape for messages: "3 x 112 x 96"."""
    return " x ".join(map(str, shape))
