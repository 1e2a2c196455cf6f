"""Winograd's F(4x4, 3x3): when to use it, and where the values of its tiles stand. The equations: transforms.

It needs 36 multiplications for 16 outputs where the sum as it stands needs 144. What it pays for that are transforms,
in proportion to channels plus outputs, and filters four times as large.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.windows import Windows

OUTPUT_SIDE = 4
FILTER_SIDE = 3
TILE_SIDE = OUTPUT_SIDE + FILTER_SIDE - 1
TILE = TILE_SIDE * TILE_SIDE
OUTPUTS = OUTPUT_SIDE * OUTPUT_SIDE
TAPS = FILTER_SIDE * FILTER_SIDE

_DIRECT_CYCLES = 76.0
_PRODUCT_CYCLES = 21.0
_INPUT_CYCLES = 180.0
_OUTPUT_CYCLES = 140.0
_FILTER_CYCLES = 50.0
"""Measured for LANES images on one core with AVX-512: a tile, a channel and an output by the plain sum and by the 36
products; a tile and a channel; a tile and an output; and, once for all tiles, a channel and an output."""
_CACHED_PAIRS = 130_000
_STREAMED_FILTER_CYCLES = 180.0
"""Channels times outputs from which filters do not stay in the cache between transform and use, and the cost then."""
_KEPT_FILTER_CYCLES = 26.0
"""The same for filters that were transformed in an earlier pass, and come from memory."""


def is_possible(windows: Windows) -> bool:
    """Whether Winograd's algorithm can do it: 3 x 3 windows at stride 1."""
    square = (FILTER_SIDE, FILTER_SIDE)
    if windows.kernel != square or windows.stride != (1, 1) or windows.dilation != (1, 1):
        return False
    return max(windows.pad) < FILTER_SIDE


def cycles(windows: Windows, channels: int, outputs: int, groups: int, image_groups: int, kept: bool = False) -> float:
    """What a forward pass is expected to take; ``kept``: with filters that are transformed already."""
    tiles = image_groups * tile_count(windows.outputs)
    pairs = channels * outputs / groups
    filter_cycles = _FILTER_CYCLES if pairs < _CACHED_PAIRS else _STREAMED_FILTER_CYCLES
    if kept:
        filter_cycles = _KEPT_FILTER_CYCLES
    transforms = tiles * (_INPUT_CYCLES * channels + _OUTPUT_CYCLES * outputs)
    return (tiles * _PRODUCT_CYCLES + filter_cycles) * pairs + transforms


def is_faster(windows: Windows, channels: int, outputs: int, groups: int, image_groups: int) -> bool:
    """Whether Winograd's algorithm can do it, and is expected to be faster than the sum as it stands."""
    direct = image_groups * windows.output_positions / OUTPUTS * _DIRECT_CYCLES * channels * outputs / groups
    return is_possible(windows) and cycles(windows, channels, outputs, groups, image_groups) < direct


def tile_count(sizes: Sequence[int]) -> int:
    """Tiles that cover outputs of ``sizes``."""
    return math.prod(-(-size // OUTPUT_SIDE) for size in sizes)


def turned(windows: Windows) -> Windows:
    """The windows of the data gradient: over y, with the padding that the filter leaves."""
    pad = tuple(kernel - 1 - pad for kernel, pad in zip(windows.kernel, windows.pad, strict=True))
    return Windows(windows.outputs, windows.inputs, windows.kernel, windows.stride, pad, windows.dilation)


def tile_positions(windows: Windows) -> tuple[np.ndarray, np.ndarray]:
    """(tiles, 36) positions of x and (tiles, 16) positions of y that each tile covers, -1 outside."""
    sides = [-(-size // OUTPUT_SIDE) for size in windows.outputs]
    inputs = _squares(sides, TILE_SIDE, windows.inputs, windows.pad)
    return inputs, _squares(sides, OUTPUT_SIDE, windows.outputs, (0, 0))


def _squares(tiles: list[int], side: int, sizes: tuple[int, ...], pad: tuple[int, ...]) -> np.ndarray:
    """(tiles, side * side): the position of each value of each tile, -1 outside ``sizes``."""
    rows, columns = (
        np.arange(count)[:, None] * OUTPUT_SIDE + np.arange(side) - margin
        for count, margin in zip(tiles, pad, strict=True)
    )
    y, x = rows[:, None, :, None], columns[None, :, None, :]
    inside = (y >= 0) & (y < sizes[0]) & (x >= 0) & (x < sizes[1])
    return np.where(inside, y * sizes[1] + x, -1).reshape(math.prod(tiles), side * side)
