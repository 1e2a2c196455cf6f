"""Images resized by sampling, as pycaffe does it by means of scikit-image and SciPy.

Two samplings exist there, by the number of channels, and both are kept, since recorded scores depend on them:

    1 or 3 channels   pixels are areas (skimage.transform.resize): output pixel i lies at (i + 1/2) n / m - 1/2,
                      and beyond the image is its smallest value, which an enlarged image's border fades to
    others            pixels are points (scipy.ndimage.zoom): output pixel i lies at i (n - 1) / (m - 1)

for n pixels that become m. There is no smoothing before an image is made smaller.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.errors import RunError

NEAREST, BILINEAR = 0, 1


def resize_image(im: np.ndarray, new_dims: Sequence[int], interp_order: int = BILINEAR) -> np.ndarray:
    """``im`` (H, W, K) resized to ``new_dims``, (height, width), as float32.

    Args:
        interp_order: 1 bilinear, 0 nearest.

    Raises:
        RunError: NC589 for another order, or an image that is not (H, W, K).
    """
    if interp_order not in (NEAREST, BILINEAR):
        raise RunError.of(
            "NC589", "this interpolation is not supported", expected="0 (nearest) or 1 (bilinear)", actual=interp_order
        )
    image = np.asarray(im, np.float64)
    if image.ndim != 3 or 0 in image.shape:
        raise RunError.of("NC589", "not an image", expected="(height, width, channels)", actual=image.shape)
    areas = image.shape[2] in (1, 3)
    lowest = image.min()
    image = image - lowest
    for axis, size in enumerate(new_dims[:2]):
        image = _resample(image, axis, int(size), areas=areas, order=interp_order)
    return (image + lowest).astype(np.float32)


def _resample(image: np.ndarray, axis: int, size: int, *, areas: bool, order: int) -> np.ndarray:
    """Linear or nearest samples along one axis; outside of the image is 0."""
    old = image.shape[axis]
    outputs = np.arange(size)
    at = (outputs + 0.5) * (old / size) - 0.5 if areas else outputs * ((old - 1) / max(size - 1, 1))
    if order == NEAREST:
        return image.take(np.clip(np.floor(at + 0.5).astype(int), 0, old - 1), axis)
    before = np.floor(at).astype(int)
    fraction = (at - before).reshape(_along(image, axis))
    return _padded(image, axis, before) * (1 - fraction) + _padded(image, axis, before + 1) * fraction


def _padded(image: np.ndarray, axis: int, indices: np.ndarray) -> np.ndarray:
    """``image[indices]`` along ``axis``, 0 where there is no such index."""
    size = image.shape[axis]
    inside = ((indices >= 0) & (indices < size)).reshape(_along(image, axis))
    return image.take(np.clip(indices, 0, size - 1), axis) * inside


def _along(image: np.ndarray, axis: int) -> tuple[int, ...]:
    """The shape in which a vector runs along ``axis`` of ``image``."""
    return (-1,) + (1,) * (image.ndim - 1 - axis)
