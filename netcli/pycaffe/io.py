"""``caffe.io``: images as arrays, arrays as a net wants them, and arrays as Caffe's messages.

Images are (H, W, K) float32, RGB, 0 to 1. Nets mostly want (K, H, W), BGR, 0 to 255 less a mean; ``Transformer`` goes
from the one to the other and back.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from netcli.errors import RunError
from netcli.pycaffe.resize import resize_image
from netcli.schema import caffe_pb2 as pb
from netcli.schema.arrays import array_to_blob, blob_to_array

__all__ = [
    "Transformer",
    "array_to_blobproto",
    "array_to_datum",
    "arraylist_to_blobprotovector_str",
    "blobproto_to_array",
    "blobprotovector_str_to_arraylist",
    "datum_to_array",
    "load_image",
    "oversample",
    "resize_image",
]

LUMINANCE = (0.2125, 0.7154, 0.0721)
"""Weights of red, green and blue in a grey image (ITU-R BT.709 as scikit-image rounds it)."""


def load_image(filename: str | os.PathLike[str], color: bool = True) -> np.ndarray:
    """An image file as (H, W, 3) RGB, or with ``color=False`` as (H, W, 1) grey: float32 from 0 to 1.

    Transparency is dropped. Needs the extra ``images``.

    Raises:
        RunError: NC206 without OpenCV, NC589 if the file is not there or not an image.
    """
    cv2 = _opencv()
    try:
        content = np.fromfile(filename, np.uint8)
    except OSError as error:
        raise RunError.of("NC589", f"cannot read '{filename}': {error.strerror or error}") from None
    stored = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if content.size else None
    if stored is None:
        raise RunError.of("NC589", f"'{filename}' is not an image that OpenCV can read")
    image = _as_unit_range(stored if stored.ndim == 3 else stored[:, :, None])
    if image.shape[2] >= 3:
        image = image[:, :, 2::-1]
        return np.ascontiguousarray(image) if color else (image @ np.array(LUMINANCE, np.float32))[:, :, None]
    return np.repeat(image[:, :, :1], 3, axis=2) if color else image[:, :, :1]


def _as_unit_range(image: np.ndarray) -> np.ndarray:
    """Whole numbers become 0 to 1 by the range of their type; float images are taken as they are."""
    if image.dtype.kind in "iu":
        return (image / np.iinfo(image.dtype).max).astype(np.float32)
    return image.astype(np.float32)


def _opencv() -> Any:
    try:
        return importlib.import_module("cv2")
    except ImportError as error:
        raise RunError.of("NC206", "image files need OpenCV", hint="pip install 'netcli[images]'") from error


def oversample(images: Sequence[np.ndarray], crop_dims: Sequence[int]) -> np.ndarray:
    """Ten crops of each image: the four corners and the centre, then the same mirrored.

    Args:
        images: (H, W, K), all of one shape.
        crop_dims: (height, width) of a crop.

    Returns:
        (10 times the images, height, width, K) float32.

    Raises:
        RunError: NC589 if the crop is larger than the images.
    """
    (full_height, full_width, channels), (height, width) = images[0].shape, (int(size) for size in crop_dims[:2])
    if height > full_height or width > full_width:
        raise RunError.of(
            "NC589", "the crop is larger than the image",
            expected=f"at most {(full_height, full_width)}", actual=(height, width),
        )  # fmt: skip
    corners = [(y, x) for y in (0, full_height - height) for x in (0, full_width - width)]
    corners.append((int(full_height / 2 - height / 2), int(full_width / 2 - width / 2)))
    crops = np.empty((len(images), 2, 5, height, width, channels), np.float32)
    for per_image, image in zip(crops, images, strict=True):
        for index, (y, x) in enumerate(corners):
            per_image[0, index] = image[y : y + height, x : x + width]
        per_image[1] = per_image[0, :, :, ::-1]
    return crops.reshape(-1, height, width, channels)


class Transformer:
    """From an image to what a net's input holds, and back.

    Args:
        inputs: input name -> shape of its blob, (N, K, H, W).

    The steps of ``preprocess``, of which all but the first are set: resize to the input's height and width,
    transpose, swap channels, times raw_scale, minus the mean, times input_scale.
    """

    def __init__(self, inputs: Mapping[str, Sequence[int]]) -> None:
        self.inputs = inputs
        self.transpose: dict[str, Sequence[int]] = {}
        self.channel_swap: dict[str, Sequence[int]] = {}
        self.raw_scale: dict[str, float] = {}
        self.mean: dict[str, np.ndarray] = {}
        self.input_scale: dict[str, float] = {}

    def preprocess(self, in_: str, data: np.ndarray) -> np.ndarray:
        """``data`` (H', W', K) as float32 of the input's shape without its first axis. ``data`` stays as it is."""
        shape = self._shape(in_)
        image = np.asarray(data, np.float32)
        if tuple(image.shape[:2]) != shape[2:]:
            image = resize_image(image, shape[2:])
        if in_ in self.transpose:
            image = image.transpose(self.transpose[in_])
        if in_ in self.channel_swap:
            image = image[list(self.channel_swap[in_])]
        if in_ in self.raw_scale:
            image = image * np.float32(self.raw_scale[in_])
        if in_ in self.mean:
            image = image - self.mean[in_].astype(np.float32)
        if in_ in self.input_scale:
            image = image * np.float32(self.input_scale[in_])
        return image

    def deprocess(self, in_: str, data: np.ndarray) -> np.ndarray:
        """The image that ``preprocess`` has made ``data`` from, of the input's height and width."""
        self._shape(in_)
        image = np.array(data)
        axes = len(self.transpose.get(in_, ()))
        # The order of a grey image's axes counts its one channel too.
        image = image.reshape(image.shape[-axes:]) if axes else image.squeeze()
        if in_ in self.input_scale:
            image = image / np.float32(self.input_scale[in_])
        if in_ in self.mean:
            image = image + self.mean[in_].astype(np.float32)
        if in_ in self.raw_scale:
            image = image / np.float32(self.raw_scale[in_])
        if in_ in self.channel_swap:
            image = image[np.argsort(self.channel_swap[in_])]
        if in_ in self.transpose:
            image = image.transpose(np.argsort(self.transpose[in_]))
        return image

    def set_transpose(self, in_: str, order: Sequence[int]) -> None:
        """Where each axis of the result comes from: (2, 0, 1) makes (K, H, W) of (H, W, K)."""
        axes = len(self._shape(in_)) - 1
        if sorted(order) != list(range(axes)):
            raise self._error(in_, "the order does not fit the input's axes", f"the numbers 0 to {axes - 1}", order)
        self.transpose[in_] = order

    def set_channel_swap(self, in_: str, order: Sequence[int]) -> None:
        """Where each channel comes from: (2, 1, 0) makes BGR of RGB."""
        channels = self._shape(in_)[1]
        if len(order) != channels:
            raise self._error(in_, "the order does not fit the input's channels", f"{channels} numbers", order)
        self.channel_swap[in_] = order

    def set_raw_scale(self, in_: str, scale: float) -> None:
        """A factor for the image before the mean is taken off: 255 for nets that were trained on bytes."""
        self._shape(in_)
        self.raw_scale[in_] = scale

    def set_mean(self, in_: str, mean: ArrayLike) -> None:
        """What is taken off: one value for each channel (K,), or an image (K, H, W) or (H, W).

        An image of another height and width is resized.
        """
        shape = self._shape(in_)
        values = np.asarray(mean)
        if values.ndim == 1:
            if values.shape[0] not in (1, shape[1]):
                raise self._error(in_, "the mean does not fit the input's channels", shape[1], values.shape[0])
            self.mean[in_] = values[:, None, None]
            return
        image = values[None] if values.ndim == 2 else values
        if image.ndim != 3 or image.shape[0] not in (1, shape[1]):
            raise self._error(in_, "the mean does not fit the input", shape[1:], values.shape)
        if image.shape[1:] != shape[2:]:
            image = resize_image(image.transpose(1, 2, 0), shape[2:]).transpose(2, 0, 1)
        self.mean[in_] = image

    def set_input_scale(self, in_: str, scale: float) -> None:
        """A factor for the image after the mean has been taken off."""
        self._shape(in_)
        self.input_scale[in_] = scale

    def _shape(self, in_: str) -> tuple[int, ...]:
        if in_ not in self.inputs:
            raise RunError.of(
                "NC591", f"'{in_}' is not one of the transformer's inputs", expected=", ".join(self.inputs)
            )
        return tuple(self.inputs[in_])

    @staticmethod
    def _error(in_: str, message: str, expected: object, actual: object) -> RunError:
        return RunError.of("NC591", f"input '{in_}': {message}", expected=expected, actual=actual)


def blobproto_to_array(blob: pb.BlobProto, return_diff: bool = False) -> np.ndarray:
    """The values (or gradients) of a BlobProto. Raises RunError NC451 if it is damaged."""
    return blob_to_array(blob, diff=return_diff)


def array_to_blobproto(arr: np.ndarray, diff: np.ndarray | None = None) -> pb.BlobProto:
    """An array of any shape (and its gradients) as a BlobProto; float32, whatever its type is."""
    return array_to_blob(np.asarray(arr, np.float32), None if diff is None else np.asarray(diff, np.float32))


def arraylist_to_blobprotovector_str(arraylist: Sequence[np.ndarray]) -> bytes:
    """Several arrays as one serialised BlobProtoVector."""
    return pb.BlobProtoVector(blobs=[array_to_blobproto(array) for array in arraylist]).SerializeToString()


def blobprotovector_str_to_arraylist(string: bytes) -> list[np.ndarray]:
    """The arrays of a serialised BlobProtoVector."""
    return [blobproto_to_array(blob) for blob in pb.BlobProtoVector.FromString(string).blobs]


def array_to_datum(arr: np.ndarray, label: int | None = None) -> pb.Datum:
    """A (K, H, W) array as a Datum: bytes as bytes, anything else as floats.

    Raises:
        RunError: NC591 unless there are three axes.
    """
    if arr.ndim != 3:
        raise RunError.of("NC591", "not an array for a Datum", expected="(channels, height, width)", actual=arr.shape)
    datum = pb.Datum(channels=arr.shape[0], height=arr.shape[1], width=arr.shape[2])
    if arr.dtype == np.uint8:
        datum.data = arr.tobytes()
    else:
        datum.float_data.extend(arr.astype(float).reshape(-1).tolist())
    if label is not None:
        datum.label = label
    return datum


def datum_to_array(datum: pb.Datum) -> np.ndarray:
    """The (K, H, W) array of a Datum that is not encoded: uint8, or float64 where it holds floats."""
    values = np.frombuffer(datum.data, np.uint8) if datum.data else np.array(datum.float_data, float)
    return values.reshape(datum.channels, datum.height, datum.width)
