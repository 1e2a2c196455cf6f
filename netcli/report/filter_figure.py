"""First-layer filters as an image: what a convolution has learned to look for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from netcli.errors import RunError, did_you_mean
from netcli.report.plotting import new_figure
from netcli.schema import caffe_pb2 as pb
from netcli.schema.arrays import blob_to_array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_TILES = 1024
_GAP = 1
"""Pixels between tiles."""


def filters_of(stored: pb.NetParameter, layer: str, source: str) -> np.ndarray:
    """The filters (K, C, H, W) of a convolution in a file of weights.

    Args:
        source: the file's name, for messages.

    Raises:
        RunError: NC533 if there is no such layer, or its first blob holds no filters of more than one pixel.
    """
    with_blobs = {entry.name: entry for entry in stored.layer if entry.blobs}
    if layer not in with_blobs:
        hint, suggestion = did_you_mean(layer, with_blobs)
        raise RunError.of(
            "NC533", f"{source} has no layer '{layer}' with weights", expected=f"one of {', '.join(with_blobs)}",
            hint=hint, suggestion=suggestion,
        )  # fmt: skip
    weights = blob_to_array(with_blobs[layer].blobs[0])
    if weights.ndim != 4 or weights.shape[2] * weights.shape[3] == 1:
        shape = "x".join(map(str, weights.shape))
        raise RunError.of(
            "NC533", f"the weights of layer '{layer}' are no filters that can be shown",
            expected="4 axes, the last two not both 1", actual=shape,
        )  # fmt: skip
    return weights


def filter_tiles(filters: np.ndarray) -> np.ndarray:
    """The filters side by side, as an image (rows, columns, 3) in 0 to 1.

    One scale for all: 0 is mid grey, the largest magnitude black or white. Three channels are taken to be blue, green
    and red, as Caffe's nets read them, and make one tile; otherwise each channel makes one, a row for each filter.
    What is between tiles is white.
    """
    count, channels, height, width = filters.shape
    largest = float(np.abs(filters).max()) or 1.0
    shades = 0.5 + filters.astype(np.float64) / (2 * largest)
    if channels == 3:
        tiles = shades[:, ::-1].transpose(0, 2, 3, 1)
    else:
        tiles = np.repeat(shades.reshape(count * channels, height, width, 1), 3, axis=3)
    across = channels if channels not in (1, 3) else math.ceil(math.sqrt(len(tiles)))
    tiles = tiles[: MOST_TILES // across * across]
    down = math.ceil(len(tiles) / across)
    image = np.ones((down * (height + _GAP) - _GAP, across * (width + _GAP) - _GAP, 3))
    for index, tile in enumerate(tiles):
        top, left = index // across * (height + _GAP), index % across * (width + _GAP)
        image[top : top + height, left : left + width] = tile
    return image


def filter_figure(filters: np.ndarray, title: str) -> Figure:
    """The tiles, with shape and scale in words. Raises RunError NC552 without matplotlib."""
    image = filter_tiles(filters)
    count, channels, height, width = filters.shape
    longest = 4.5 / max(image.shape[:2])
    figure = new_figure(max(3.2, image.shape[1] * longest), image.shape[0] * longest + 0.6)
    axes = figure.subplots()
    axes.imshow(image, interpolation="nearest", vmin=0, vmax=1)
    axes.set_axis_off()
    axes.set_title(
        f"{title}: {count} filters of {channels}x{height}x{width}\nmid grey is 0, white {np.abs(filters).max():.3g}",
        fontsize=8,
    )
    return figure
