"""Tiles of the output as if they were images: which, and where their values stand.

A batch of one or eight would leave most of the lanes empty. So the output of every image is cut into square tiles, and
a lane holds a tile: with the part of the input that its windows see, a tile is an image of its own, whose convolution
needs no padding. What overlaps is read twice; that is what the tiles cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from netcli.layers.convolution.winograd import geometry as winograd
from netcli.layers.windows import Windows
from netcli.runtime.blob import Shape

_SIDES = (1, 2, 4)
_PAIR_CYCLES = 0.53
"""A position, a tap, a channel and an output by the plain sum; see ``winograd.geometry`` for how it was measured."""
_VALUE_CYCLES = 12.0
"""LANES values carried from a blob to a tile, or back."""


def fills_few_lanes(images: int, lanes: int) -> bool:
    """Whether a batch is cut into tiles, as it is where half of the lanes or more would stay empty.

    The one rule for small batches. At 8 of 16 lanes SphereFace-20 gains 30% by it, and LeNet nothing.
    """
    return 2 * images <= lanes * math.ceil(images / lanes)


@dataclass(frozen=True)
class Tiling:
    """``windows``: those of one tile; ``by_winograd``: how its sums are computed; ``side``: of the tile of outputs."""

    windows: Windows
    side: Shape
    by_winograd: bool


def best_tiling(
    windows: Windows, channels: int, outputs: int, groups: int, images: int, lanes: int, plainly: bool, kept: bool
) -> Tiling:
    """What is expected to take the least time.

    ``plainly``: without Winograd's algorithm; ``kept``: the packed weights of one pass serve the next.
    """
    ways = []
    for side in _SIDES:
        sides = tuple(min(side, size) for size in windows.outputs)
        tile = Windows(
            seen_from(sides, windows),
            sides,
            windows.kernel,
            windows.stride,
            (0,) * len(sides),
            windows.dilation,
        )
        count = images * math.prod(tile_counts(windows.outputs, sides))
        image_groups = math.ceil(count / lanes)
        carried = image_groups * (channels * tile.input_positions + outputs * tile.output_positions) * _VALUE_CYCLES
        pairs = channels * outputs / groups
        direct = image_groups * tile.output_positions * tile.taps * pairs * _PAIR_CYCLES
        ways.append((carried + direct, side, Tiling(tile, sides, False)))
        if not plainly and winograd.is_possible(tile):
            cycles = carried + winograd.cycles(tile, channels, outputs, groups, image_groups, kept)
            ways.append((cycles, side, Tiling(tile, sides, True)))
    return min(ways, key=lambda way: way[:2])[2]


def seen_from(sides: Shape, windows: Windows) -> Shape:
    """Positions along each axis that the windows of a tile of ``sides`` see."""
    axes = zip(sides, windows.stride, windows.kernel, windows.dilation, strict=True)
    return tuple((side - 1) * stride + (kernel - 1) * dilation + 1 for side, stride, kernel, dilation in axes)


def tile_counts(sizes: Shape, sides: Shape) -> Shape:
    """Tiles along each axis."""
    return tuple(-(-size // side) for size, side in zip(sizes, sides, strict=True))


@dataclass(frozen=True)
class Places:
    """Where the values of patches stand in a plain array (images, channels, positions).

    ``offsets`` (groups, patch positions, lanes) int32: of the first channel, -1 outside. ``plane``: from one channel to
    the next.
    """

    offsets: np.ndarray
    plane: int


def patch_places(
    images: int, channels: int, sizes: Shape, counts: Shape, step: Shape, first: Shape, patch: Shape, lanes: int
) -> Places:
    """One patch of ``patch`` positions for each tile; the patch of the tile t begins at ``first + t step``."""
    along = []
    for size, count, move, start, length in zip(sizes, counts, step, first, patch, strict=True):
        at = start + np.arange(count)[:, None] * move + np.arange(length)
        along.append(np.where((at >= 0) & (at < size), at, -1))
    plane = math.prod(sizes)
    offsets = np.zeros((1, 1), np.int64)
    inside = np.ones((1, 1), bool)
    for size, at in zip(sizes, along, strict=True):
        shape = (len(offsets) * len(at), offsets.shape[1] * at.shape[1])
        offsets = (offsets[:, None, :, None] * size + at[None, :, None, :]).reshape(shape)
        inside = (inside[:, None, :, None] & (at >= 0)[None, :, None, :]).reshape(shape)
    tiles = images * len(offsets)
    starts = np.arange(images)[:, None, None] * channels * plane
    found = np.where(inside, offsets + starts, -1).reshape(tiles, -1)
    groups = -(-tiles // lanes)
    padded = np.full((groups * lanes, found.shape[1]), -1, np.int32)
    padded[:tiles] = found
    return Places(np.ascontiguousarray(padded.reshape(groups, lanes, -1).transpose(0, 2, 1)), plane)
