"""Caffe's TransformationParameter: crop, mirror, mean and scale.

Each value becomes (pixel - mean) * scale. The crop is random in TRAIN and centred in TEST; mirroring, a coin flip per
item, happens in TRAIN. A mean image is cropped and mirrored with the pixels it belongs to.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError

from netcli.data.lmdb_source import by
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
        self._scale = np.float32(param.scale)
        self._mean_image = mean
        self._mean_values = _channel_means(param, shape[0])
        self._draws = draws
        if mean is not None and self._mean_values is not None:
            raise ConfigError.of("NC215", "mean_file and mean_value are both set", hint="keep one of them")
        if mean is not None:
            self._check_mean(shape)

    def apply(self, pixels: np.ndarray, epoch: int, item: int, out: np.ndarray) -> None:
        """Writes one transformed item, all but mean values and scale, which ``finish`` does for the whole batch.

        Args:
            pixels: (C, H, W) uint8 or float32.
            epoch: how often the source has wrapped round before this item.
            item: index of the item in the source.
            out: (C, H', W') float32, written.

        Raises:
            RunError: NC215, the item is smaller than the crop, or of another shape than the mean image.
        """
        if not self.crop and not self._mirror:
            out[...] = pixels
            if self._mean_image is not None:
                out -= self._mean_image
            return
        mirrored = False
        top = left = 0
        height, width = pixels.shape[1:]
        if self._train:
            flip, down, across = self._draws.words(3, epoch, item)
            mirrored = self._mirror and bool(flip & 1)
        if self.crop:
            if min(height, width) < self.crop or len(pixels) != self.shape[0]:
                raise RunError.of(
                    "NC215", "an item does not fit the crop", expected=f"{self.shape[0]} channels of at least "
                    f"{self.crop} x {self.crop}", actual=by(pixels.shape),
                )  # fmt: skip
            spare_rows, spare_columns = height - self.crop, width - self.crop
            if self._train:
                top, left = scaled(down, spare_rows + 1), scaled(across, spare_columns + 1)
            else:
                top, left = spare_rows // 2, spare_columns // 2
        window = np.s_[:, top : top + out.shape[1], left : left + out.shape[2]]
        backwards = np.s_[:, :, ::-1] if mirrored else np.s_[:, :, :]
        out[...] = pixels[window][backwards]
        if self._mean_image is not None:
            if pixels.shape != self._source_shape:
                self._check_mean(pixels.shape)
            out -= self._mean_image[window][backwards]

    def finish(self, batch: np.ndarray) -> None:
        """Subtracts the mean values from ``batch`` (N, C, H, W) and scales it, in place."""
        if self._mean_values is not None:
            batch -= self._mean_values
        if self._scale != 1:
            batch *= self._scale

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
    """The mean image in a binaryproto file, as ``compute_image_mean`` writes it.

    Returns:
        (C, H, W) float32.

    Raises:
        RunError: NC216, it cannot be read or is no BlobProto of one image.
    """
    try:
        blob = pb.BlobProto.FromString(path.read_bytes())
    except (OSError, DecodeError) as error:
        raise RunError.of("NC216", f"cannot read mean file '{path}': {error}", hint="expected a binaryproto") from error
    shape = tuple(blob.shape.dim) if blob.HasField("shape") else (blob.num, blob.channels, blob.height, blob.width)
    values = np.array(blob.data if blob.data else blob.double_data, np.float32)
    if len(shape) == 4 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) != 3 or values.size == 0 or values.size != np.prod(shape):
        raise RunError.of(
            "NC216",
            f"mean file '{path}' does not hold one image",
            expected="1 x channels x height x width values",
            actual=f"shape {by(shape) or 'none'} and {values.size} values",
        )
    return values.reshape(shape)


def _channel_means(param: pb.TransformationParameter, channels: int) -> np.ndarray | None:
    """``mean_value`` as (1 or C, 1, 1) float32, None when there is none."""
    if not param.mean_value:
        return None
    if len(param.mean_value) not in (1, channels):
        raise ConfigError.of(
            "NC215", "wrong number of mean_value", expected=f"1 or {channels}, one per channel",
            actual=len(param.mean_value),
        )  # fmt: skip
    return np.array(param.mean_value, np.float32).reshape(-1, 1, 1)
