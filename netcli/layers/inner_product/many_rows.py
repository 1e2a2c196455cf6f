"""The inner product of many items, in lanes: without packed weights or partial sums in memory.

A weight of a fully connected layer meets each item once, so that to carry it to another layout and back takes as long
as to use it. Forward wants outputs side by side, which the rows (K, D) do not have: some rows at a time are packed, and
used while they are in the cache. Both gradients take them as they are:

    dx[d] = sum over k of w[k, d] dy[k]              d side by side in a row of w; k, too, for large weights
    dw[k, d] += sum over n of dy[k, n] x[n, d]       d side by side in a row of x and in a row of dw
"""

from __future__ import annotations

import functools

import numpy as np

from netcli.layers.convolution.lane_product import LaneProduct
from netcli.layers.windows import Windows
from netcli.runtime.scratch import scratch

_LEAST_LINE = 7
"""Positions of a channel that are worth a tile of their own."""
_LARGE_BYTES = 1 << 22
"""Weights that leave the cache between two uses: down their columns they would be read at a fraction of the speed."""
_TASK_COLUMNS = 1024
"""Of large weights: long enough to be read ahead, short enough for what is copied to stay in the second cache."""


class ManyRows(LaneProduct):
    """A LaneProduct of one window that is the whole input; weights whose rows do not stand as above fall back to it."""

    def __init__(self, windows: Windows, channels: int, outputs: int, groups: int, dtype: np.dtype) -> None:
        super().__init__(windows, channels, outputs, groups, dtype)
        from netcli.layers.inner_product import cpu
        from netcli.runtime import lane_kernels
        from netcli.runtime.tile_shape import COLUMN_VECTORS

        self._inner_kernels = cpu
        self._conversions = lane_kernels
        self._length = channels * windows.input_positions
        self._all_inputs, self._all_outputs = (np.array([0, n, 0, 0], np.int32) for n in (self._length, outputs))
        self._one_run = np.array([0, 1], np.int32)
        self._tile_columns = COLUMN_VECTORS * self._lanes
        self._no_constant = np.zeros(self._height, dtype)
        self._pairs = functools.cache(self._make_pairs)
        self._starts = functools.cache(self._make_starts)

    def forward(
        self,
        x: np.ndarray,
        weights: np.ndarray,
        bias: np.ndarray | None,
        y: np.ndarray,
        slopes: np.ndarray | None = None,
        added: np.ndarray | None = None,
    ) -> None:
        """Writes y; ``bias`` (outputs,) or None; ``slopes``, ``added``: as LaneProduct's."""
        if not weights.flags.c_contiguous or slopes is not None or added is not None:
            super().forward(x, weights, bias, y, slopes, added)
            return
        room = self._room_of_threads(self._length * self._lanes)
        self._inner_kernels.multiply_rows_in_lanes(
            x, weights, self._all_inputs, self._one_run, self._pairs(len(x)), self._zeros if bias is None else bias,
            self._height, room, y,
        )  # fmt: skip

    def backward_data(
        self, dy: np.ndarray, weights: np.ndarray, dx: np.ndarray, constant: np.ndarray | None = None
    ) -> None:
        """Writes dx."""
        positions = self._windows.input_positions
        if weights.nbytes >= _LARGE_BYTES and self._outputs >= self._lanes and weights.flags.c_contiguous:
            assert constant is None
            self._combine_large_rows(dy, weights, dx)
            return
        if 1 < positions < _LEAST_LINE or not weights.flags.c_contiguous or constant is not None:
            super().backward_data(dy, weights, dx, constant)
            return
        self._inner_kernels.combine_rows_in_lanes(
            dy, weights, self._all_outputs, self._one_run, self._pairs(len(dy)), self._no_constant, self._height, dx
        )

    def backward_weights(
        self, x: np.ndarray, dy: np.ndarray, gradient: np.ndarray, bias_gradient: np.ndarray | None = None
    ) -> None:
        """Adds to ``gradient``, of the weights' shape, and to ``bias_gradient`` (outputs,) if there is one."""
        if not gradient.flags.c_contiguous:
            super().backward_weights(x, dy, gradient, bias_gradient)
            return
        groups, positions, channels, lanes = x.shape
        plain = scratch("plain x", (groups * lanes, channels, positions), self.dtype)
        self._conversions.lanes_to_plain(x, plain)
        starts = self._starts(groups)
        rows = gradient.reshape(self._outputs, -1)
        self._inner_kernels.add_outer_products_in_lanes(dy, plain.reshape(len(plain), -1), starts, self._height, rows)
        if bias_gradient is not None:
            self.backward_bias(dy, bias_gradient)

    def _combine_large_rows(self, dy: np.ndarray, weights: np.ndarray, dx: np.ndarray) -> None:
        lanes, kernels = self._lanes, self._inner_kernels
        images, tasks = len(dx) * lanes, 2 * -(-self._length // (2 * _TASK_COLUMNS))
        sides = scratch("sides", (-(-self._outputs // lanes), images, lanes), self.dtype)
        plain = scratch("plain x", (images, self._channels, self._windows.input_positions), self.dtype)
        most_columns = self._length // tasks + 2 * self._tile_columns
        room = self._room_of_threads(kernels.GROUPS_AT_ONCE * lanes * most_columns)
        starts = np.arange(len(sides), dtype=np.int32) * images
        rows = weights.reshape(self._outputs, -1)
        kernels.outputs_side_by_side(dy, sides)
        kernels.combine_large_rows(sides, rows, starts, self._height, tasks, room, plain.reshape(images, -1))
        self._conversions.plain_to_lanes(plain, dx)

    def _room_of_threads(self, size: int) -> np.ndarray:
        return scratch("panels", (self.threads, size), self.dtype)

    def _make_pairs(self, groups: int) -> np.ndarray:
        return np.arange(groups + 1, dtype=np.int32)

    def _make_starts(self, groups: int) -> np.ndarray:
        """The first output of each image group."""
        return np.arange(groups, dtype=np.int32) * self._outputs
