"""Caffe's TransformationParameter: crop, mirror, mean and scale.

Each value becomes (pixel - mean) * scale. The crop is random in TRAIN and centred in TEST; mirroring, a coin flip per
item, happens in TRAIN. A mean image is cropped and mirrored with the pixels it belongs to.
"""

from __future__ import annotations

import functools
from pathlib import Path
from types import ModuleType

import numpy as np
from google.protobuf.message import DecodeError

from netcli.data.datum import by
from netcli.data.random_draws import Draws, scaled
from netcli.errors import ConfigError, RunError
from netcli.schema import caffe_pb2 as pb


class Transform:
    """What happens to the pixels of one data layer's items.

    Args:
        param: the layer's ``transform_param``.
        phase: pb.TRAIN or pb.TEST.
        shape: (C, H, W) of the source's items; with a crop, H and W may differ from item to item.
        mean: (C, H, W) float32, the contents of ``mean_file`` if one is set.
        draws: where crops and mirrorings come from; used in TRAIN only.

    Attributes:
        shape: (C, H, W) after the transform.

    Raises:
        ConfigError: NC215, settings that contradict each other or the shape of the items.
    """

    def __init__(
        self,
        param: pb.TransformationParameter,
        phase: int,
        shape: tuple[int, int, int],
        mean: np.ndarray | None,
        draws: Draws,
    ) -> None:
        self.crop = int(param.crop_size)
        self.shape = transformed_shape(param, shape)
        self._source_shape = shape
        self._train = phase == pb.TRAIN
        self._mirror = bool(param.mirror) and self._train
        self._random = self._train and (self.crop > 0 or self._mirror)
        self._scale = np.float32(param.scale)
        self._mean_image = mean
        self._mean_values = _channel_means(param, shape[0])
        self._draws = draws
        if mean is not None and param.mean_value:
            raise ConfigError.of("NC215", "mean_file and mean_value are both set", hint="keep one of them")
        if mean is not None:
            self._check_mean(shape)

    @functools.cached_property
    def _kernels(self) -> ModuleType:
        """numba is imported with the first item, not by those who only ask for shapes."""
        from netcli.data import transform_kernels

        return transform_kernels

    def apply(self, pixels: np.ndarray, epoch: int, item: int, out: np.ndarray) -> None:
        """Writes one transformed item.

        Args:
            pixels: (C, H, W) uint8 or float32; without a crop, of the source's shape.
            epoch: how often the source has wrapped round before this item.
            item: index of the item in the source.
            out: (C, H', W') float32, written.

        Raises:
            RunError: NC215, the item is smaller than the crop, or of another shape than the mean image.
        """
        mirrored, top, left = False, 0, 0
        down = across = 0
        if self._random:
            flip, down, across = self._draws.words(3, epoch, item)
            mirrored = self._mirror and bool(flip & 1)
        if self.crop:
            top, left = self._corner(pixels.shape, down, across)
        if self._mean_image is None:
            self._kernels.transform_by_values(pixels, top, left, mirrored, self._mean_values, self._scale, out)
            return
        if pixels.shape != self._source_shape:
            self._check_mean(pixels.shape)
        self._kernels.transform_by_image(pixels, top, left, mirrored, self._mean_image, self._scale, out)

    def _corner(self, shape: tuple[int, ...], down: int, across: int) -> tuple[int, int]:
        """Row and column where the crop of an item of ``shape`` begins, by the random words in TRAIN."""
        channels, height, width = shape
        if min(height, width) < self.crop or channels != self.shape[0]:
            raise RunError.of(
                "NC215", "an item does not fit the crop", expected=f"{self.shape[0]} channels of at least "
                f"{self.crop} x {self.crop}", actual=by(shape),
            )  # fmt: skip
        spare_rows, spare_columns = height - self.crop, width - self.crop
        if self._train:
            return scaled(down, spare_rows + 1), scaled(across, spare_columns + 1)
        return spare_rows // 2, spare_columns // 2

    def _check_mean(self, shape: tuple[int, ...]) -> None:
        assert self._mean_image is not None
        if self._mean_image.shape != shape:
            raise ConfigError.of(
                "NC215",
                "the mean image has another shape than the items",
                expected=by(shape),
                actual=by(self._mean_image.shape),
                hint="make the mean file from this data set",
            )


def transformed_shape(param: pb.TransformationParameter, shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """(C, H, W) after the transform of items of ``shape``.

    Raises:
        ConfigError: NC215, the items are smaller than the crop.
    """
    crop = int(param.crop_size)
    if crop > min(shape[1:]):
        raise ConfigError.of(
            "NC215", "crop_size is larger than the items", expected=f"at most {min(shape[1:])}", actual=crop
        )
    return (shape[0], crop, crop) if crop else shape


def read_mean(path: Path) -> np.ndarray:
    """The mean image in a file: a binaryproto, as ``compute_image_mean`` writes it, or a .npy array.

    Returns:
        (C, H, W) float32, C-ordered.

    Raises:
        RunError: NC216, it cannot be read or holds no image.
    """
    try:
        values = np.load(path, allow_pickle=False) if path.suffix == ".npy" else _read_binaryproto(path)
    except (OSError, ValueError, DecodeError, EOFError) as error:
        hint = "expected a binaryproto or a .npy array"
        raise RunError.of("NC216", f"cannot read mean file '{path}': {error}", hint=hint) from error
    image = values[0] if values.ndim == 4 and len(values) == 1 else values
    if image.ndim != 3 or image.size == 0 or image.dtype.kind not in "fiu":
        raise RunError.of(
            "NC216",
            f"mean file '{path}' does not hold one image",
            expected="channels x height x width numbers",
            actual=f"{by(values.shape) or 'one'} values of type {values.dtype}",
        )
    return np.ascontiguousarray(image, np.float32)


def _read_binaryproto(path: Path) -> np.ndarray:
    blob = pb.BlobProto.FromString(path.read_bytes())
    shape = tuple(blob.shape.dim) if blob.HasField("shape") else (blob.num, blob.channels, blob.height, blob.width)
    values = np.array(blob.data if blob.data else blob.double_data, np.float32)
    if values.size != np.prod(shape):
        raise ValueError(f"shape {by(shape)} and {values.size} values")
    return values.reshape(shape)


def _channel_means(param: pb.TransformationParameter, channels: int) -> np.ndarray:
    """``mean_value`` as (C,) float32; zeros when there is none."""
    if len(param.mean_value) not in (0, 1, channels):
        raise ConfigError.of(
            "NC215", "wrong number of mean_value", expected=f"1 or {channels}, one per channel",
            actual=len(param.mean_value),
        )  # fmt: skip
    return np.full(channels, param.mean_value or [0], np.float32)
