"""The gradients of the weights and the bias of windowed products in lanes: tables, room, and calls of the kernels.

dw[k, c, t] += sum over (p, q) that meet at t, and images, of x[p, c] dy[q, k]
db[k]       += sum over q and images of dy[q, k]
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from netcli.layers.convolution.tap_tables import TapOffsets, tap_offsets
from netcli.layers.convolution.tasks import ENOUGH_TASKS, as_groups, has_few_positions
from netcli.layers.windows import Windows
from netcli.runtime.blob import aligned_zeros
from netcli.runtime.cpu import lane_count
from netcli.runtime.scratch import scratch
from netcli.runtime.tile_shape import COLUMN_VECTORS, tile_height, tile_side

ITEMS_AT_ONCE = 16
"""Positions whose transposed gradients stay in the first cache while all rows of x pass by."""
_FEW_CHANNELS = 8
_LEAST_CHUNK = 64
"""Positions that are worth sums of their own, which must be put together in the end."""
_LEAST_CHUNK_IN_LANES = 128
"""The same where there is a sum for each lane."""
_FEW_SUMS = 1024
"""Weights of a group whose sums for each lane stay in the cache."""


@dataclass(frozen=True)
class Parts:
    """How a weight gradient is cut: chunks of the items, blocks of columns, and outputs that are summed by lanes."""

    chunks: int
    blocks: int
    by_lanes: int


@dataclass(frozen=True)
class Unpooled:
    """dy as what a max pooling behind it leads back: the ``gradients`` of its windows (G, Q', K, L), int32 ``chosen``.

    ``starts``, ``windows``: its table of windows by position.
    """

    gradients: np.ndarray
    chosen: np.ndarray
    starts: np.ndarray
    windows: np.ndarray


def parts_of(windows: Windows, channels: int, outputs: int, groups: int, items: int) -> Parts:
    """``channels``, ``outputs``: of all groups; ``items``: positions of y in all image groups.

    A vector of columns that outputs leave half empty is not worth it, nor is the way there, which turns dy round, where
    the weights are few.
    """
    made, lanes = outputs // groups, lane_count()
    left = made % lanes
    by_lanes = left if left <= lanes // 2 else 0
    if windows.taps * (channels // groups) * made <= _FEW_SUMS:
        by_lanes = made
    blocks = -(-(made - by_lanes) // (COLUMN_VECTORS * lanes))
    least = _LEAST_CHUNK if blocks else _LEAST_CHUNK_IN_LANES
    return Parts(max(1, min(ENOUGH_TASKS // (groups * max(1, blocks)), items // least)), blocks, by_lanes)


def bias_parts(items: int) -> int:
    """Chunks of the items of which the gradient of a bias is summed up."""
    return max(1, min(ENOUGH_TASKS, items // _LEAST_CHUNK))


class WeightGradient:
    """Those of one geometry. ``channels`` and ``outputs`` are of all groups together; arrays as in ``LaneProduct``."""

    def __init__(self, windows: Windows, channels: int, outputs: int, groups: int, dtype: np.dtype) -> None:
        from netcli.layers.convolution import cpu
        from netcli.layers.convolution.weight_gradient import cpu as gradient_cpu
        from netcli.runtime.jit import MOST_THREADS
        from netcli.runtime.tiles import prepare_correlate_lanes

        self._moves, self._kernels = cpu, gradient_cpu
        self._prepare_lanes = prepare_correlate_lanes
        self._windows = windows
        self._channels, self._outputs, self._groups = channels, outputs, groups
        self._dtype = np.dtype(dtype)
        self._lanes, self._columns = lane_count(), COLUMN_VECTORS * lane_count()
        self._height, self._side = tile_height(dtype), tile_side(dtype)
        self._parts = functools.cache(functools.partial(parts_of, windows, channels, outputs, groups))
        self._offsets = functools.cache(self._make_offsets)
        self._wide = functools.cache(lambda *shape: aligned_zeros(shape, dtype))
        self._no_bias = np.zeros(0, dtype)
        self._no_dy = np.zeros((0, windows.output_positions, outputs, self._lanes), dtype)
        self._spread_room = (MOST_THREADS, ITEMS_AT_ONCE * outputs * self._lanes)
        nothing, table = np.zeros((0, 0, 0, self._lanes), dtype), np.zeros(0, np.int32)
        self._not_pooled = Unpooled(nothing, nothing.astype(np.int32), table, table)

    def takes_unpooled(self, image_groups: int) -> bool:
        """Whether ``add`` takes an ``Unpooled`` for so many groups of images."""
        parts = self._parts(image_groups * self._windows.output_positions)
        return not parts.blocks and self._groups == 1 and not has_few_positions(self._windows)

    def add(self, x: np.ndarray, dy: np.ndarray | Unpooled, gradient: np.ndarray, bias: np.ndarray | None) -> None:
        """Adds to ``gradient``, of the weights' shape, and to ``bias`` (outputs,) if it is one."""
        windows, unpooled = self._windows, self._not_pooled
        if isinstance(dy, Unpooled):
            unpooled = dy
            dy = self._no_dy
        if self._channels < _FEW_CHANNELS and any(windows.pad):
            windows, x = self._unpadded(x)
        x, dy = as_groups(windows, x), as_groups(windows, dy)
        items = x.shape[0] * dy.shape[1]
        sums, lane_sums, bias_sums = self._sums(items, bias is not None)
        table = self._offsets(windows, x.shape[1] // windows.input_positions)
        rows, by_columns = sums.shape[3], self._outputs // self._groups - lane_sums.shape[3]
        part_rows = rows // len(table.offsets)
        if sums.size:
            tasks = math.prod(sums.shape[:3])
            transposed = scratch("transposed", (tasks, ITEMS_AT_ONCE, self._lanes, self._columns), self._dtype)
            self._kernels.correlate_windows(
                x, dy, table.offsets, part_rows, self._groups, by_columns, self._height, transposed, sums, bias_sums
            )
        if lane_sums.size:
            self._prepare_lanes(self._dtype)
            room = self._room(unpooled)
            self._kernels.correlate_windows_in_lanes(
                x, dy, unpooled.gradients, unpooled.chosen, unpooled.starts, unpooled.windows, table.offsets, part_rows,
                self._groups, by_columns, self._side, ITEMS_AT_ONCE, room, lane_sums, bias_sums,
            )  # fmt: skip
        bias = self._no_bias if bias is None else bias
        self._kernels.add_sums(sums, lane_sums, bias_sums, by_columns, gradient, bias)

    def add_bias(self, dy: np.ndarray, gradient: np.ndarray) -> None:
        """Adds to ``gradient`` (outputs,)."""
        sums = scratch("bias sums", (bias_parts(dy.shape[0] * dy.shape[1]), *dy.shape[2:]), self._dtype)
        self._kernels.add_bias_gradient(dy, sums, gradient)

    def _sums(self, items: int, with_bias: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Room for the sums of columns, of lanes and of the bias, see the kernels."""
        parts, groups = self._parts(items), self._groups
        rows = self._windows.taps * (self._channels // groups)
        bias_chunks = parts.chunks if with_bias else 0
        return (
            scratch("sums", (parts.chunks, groups, parts.blocks, rows, self._columns), self._dtype),
            scratch("lane sums", (parts.chunks, groups, rows, parts.by_lanes, self._lanes), self._dtype),
            scratch("bias sums", (bias_chunks, self._outputs, self._lanes), self._dtype),
        )

    def _room(self, unpooled: Unpooled) -> np.ndarray:
        """For each thread the gradients of the items that are worked on at once, where they must be made first."""
        return scratch("unpooled", self._spread_room if unpooled.gradients.size else (0, 0), self._dtype)

    def _make_offsets(self, windows: Windows, images: int) -> TapOffsets:
        return tap_offsets(windows, images, self._channels, self._groups)

    def _unpadded(self, x: np.ndarray) -> tuple[Windows, np.ndarray]:
        """The same geometry without padding, and x with its padding around it.

        Then the taps of a window's row stand side by side, and few channels still fill a tile.
        """
        windows = self._windows
        inputs = tuple(size + 2 * pad for size, pad in zip(windows.inputs, windows.pad, strict=True))
        wide = self._wide(x.shape[0], math.prod(inputs), *x.shape[2:])
        grid = np.arange(math.prod(inputs)).reshape(inputs)
        inner = tuple(slice(pad, pad + size) for size, pad in zip(windows.inputs, windows.pad, strict=True))
        self._moves.spread_positions(x, grid[inner].ravel(), wide)
        return Windows(
            inputs, windows.outputs, windows.kernel, windows.stride, (0,) * len(inputs), windows.dilation
        ), wide
