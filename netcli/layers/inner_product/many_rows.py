"""The inner product of many items, in lanes: gradients without packed weights or partial sums.

A weight of a fully connected layer meets each item once, so that to carry it to another layout and back takes as long
as to use it. Forward wants outputs side by side, which the rows (K, D) do not have; both gradients take them as they
are:

    dx[d] = sum over k of w[k, d] dy[k]              d side by side in a row of w
    dw[k, d] += sum over n of dy[k, n] x[n, d]       d side by side in a row of x and in a row of dw
"""

from __future__ import annotations

import numpy as np

from netcli.layers.convolution.lane_product import LaneProduct
from netcli.layers.windows import Windows
from netcli.runtime.scratch import scratch

_LEAST_LINE = 7
"""Positions of a channel that are worth a tile of their own."""


class ManyRows(LaneProduct):
    """A LaneProduct of one window that is the whole input; weights whose rows do not stand as above fall back to it."""

    def __init__(self, windows: Windows, channels: int, outputs: int, groups: int, dtype: np.dtype) -> None:
        super().__init__(windows, channels, outputs, groups, dtype)
        from netcli.layers.inner_product import cpu
        from netcli.runtime import lane_kernels

        self._inner_kernels = cpu
        self._conversions = lane_kernels
        self._whole_run = np.array([0, outputs, 0, 0], np.int32)
        self._one_run = np.array([0, 1], np.int32)
        self._no_constant = np.zeros(self._height, dtype)

    def backward_data(
        self, dy: np.ndarray, weights: np.ndarray, dx: np.ndarray, constant: np.ndarray | None = None
    ) -> None:
        """Writes dx."""
        positions = self._windows.input_positions
        if 1 < positions < _LEAST_LINE or not weights.flags.c_contiguous or constant is not None:
            super().backward_data(dy, weights, dx, constant)
            return
        pairs = np.arange(len(dy) + 1, dtype=np.int32)
        self._inner_kernels.combine_rows_in_lanes(
            dy, weights, self._whole_run, self._one_run, pairs, self._no_constant, self._height, dx
        )

    def backward_weights(self, x: np.ndarray, dy: np.ndarray, gradient: np.ndarray) -> None:
        """Adds to ``gradient``, of the weights' shape."""
        if not gradient.flags.c_contiguous:
            super().backward_weights(x, dy, gradient)
            return
        groups, positions, channels, lanes = x.shape
        plain = scratch("plain x", (groups * lanes, channels, positions), self._dtype)
        self._conversions.lanes_to_plain(x, plain)
        starts = np.arange(groups, dtype=np.int32) * self._outputs
        rows = gradient.reshape(self._outputs, -1)
        self._inner_kernels.add_outer_products_in_lanes(dy, plain.reshape(len(plain), -1), starts, self._height, rows)
