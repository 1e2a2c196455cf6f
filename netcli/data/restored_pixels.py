"""From what a data layer gives back to the pixels that it has read, for people to look at."""

from __future__ import annotations

import numpy as np

from netcli.data.layer_files import LayerFiles
from netcli.errors import NetcliError

_TRANSFORMING = ("Data", "ImageData")


def restored_pixels(values: np.ndarray, files: LayerFiles) -> np.ndarray:
    """Undoes scale and mean of the layer's ``transform_param``: value / scale + mean.

    Args:
        values: (C, H, W), an item of phase TEST, where a crop is in the middle.
        files: of the layer that gave it.

    Returns:
        (C, H, W): uint8 where it comes out as pixels do, in whole numbers from 0 to 255 but for rounding; else
        ``values`` as they are, since they were made in some other way.
    """
    param = files.layer.transform_param
    if files.layer.type not in _TRANSFORMING or not param.scale:
        return values
    pixels = values / np.float32(param.scale) + _mean(values.shape, files)
    whole = np.rint(pixels)
    if np.abs(pixels - whole).max() > 0.1 or whole.min() < 0 or whole.max() > 255:
        return values
    return whole.astype(np.uint8)


def _mean(shape: tuple[int, ...], files: LayerFiles) -> np.ndarray:
    """What was subtracted, in a shape that fits (C, H, W); 0 where it does not fit."""
    means = files.layer.transform_param.mean_value
    if means:
        return np.array(means, np.float32).reshape(-1, 1, 1)
    try:
        image = files.mean()
    except NetcliError:
        image = None
    if image is None or len(image) != shape[0]:
        return np.zeros((1, 1, 1), np.float32)
    top, left = ((have - want) // 2 for have, want in zip(image.shape[1:], shape[1:], strict=True))
    return image[:, top : top + shape[1], left : left + shape[2]]
