"""The product of sliding windows and weights in lanes: tables, packed weights, and calls of the kernels.

    y[q, k]      = b[k] + sum over (p, t) that meet q, and c, of w[k, c, t] x[p, c]
    dx[p, c]     =        sum over (q, t) that meet p, and k, of w[k, c, t] dy[q, k]
    dw[k, c, t] +=        sum over (p, q) that meet at t, and images, of x[p, c] dy[q, k]
    db[k]       +=        sum over q and images of dy[q, k]

with p an input position, q an output position, t a tap, c a channel and k an output; with groups, c and k
only meet within their group. The data gradient is the forward pass with another table.
"""

from __future__ import annotations

import functools
import math
from dataclasses import replace

import numpy as np

from netcli.layers.convolution.tap_tables import PairedRuns, TapOffsets, paired_runs, tap_offsets
from netcli.layers.windows import Windows
from netcli.runtime.blob import Shape, aligned_zeros
from netcli.runtime.cpu import lane_count
from netcli.runtime.scratch import scratch
from netcli.runtime.tile_shape import COLUMN_VECTORS, tile_height, tile_side

ENOUGH_TASKS = 32
"""Parts into which a pass is cut; few enough that a part is worth a thread's wake-up."""
_FEW_POSITIONS = 16
"""With no more outputs than these, an image group is too small to be worked on alone."""
_FEW_CHANNELS = 8
ITEMS_AT_ONCE = 16
"""Positions whose transposed gradients stay in the first cache while all rows of x pass by."""
LEAST_CHUNK = 64
"""Positions that are worth sums of their own, which must be put together in the end."""
_LEAST_CHUNK_IN_LANES = 128
"""The same where there is a sum for each lane."""
_FEW_SUMS = 1024
"""Weights of a group whose sums for each lane stay in the cache."""


def weight_gradient_parts(
    windows: Windows, channels: int, outputs: int, groups: int, items: int
) -> tuple[int, int, int]:
    """How a weight gradient is cut: chunks of the items, blocks of columns, and outputs that are summed by lanes.

    ``channels``: of one group; ``outputs``: of all. A vector of columns that outputs leave half empty is not worth it,
    nor is the way there, which turns dy round, where the weights are few.
    """
    made, lanes = outputs // groups, lane_count()
    left = made % lanes
    by_lanes = left if left <= lanes // 2 else 0
    if windows.taps * channels * made <= _FEW_SUMS:
        by_lanes = made
    blocks = -(-(made - by_lanes) // (COLUMN_VECTORS * lanes))
    least = LEAST_CHUNK if blocks else _LEAST_CHUNK_IN_LANES
    return max(1, min(ENOUGH_TASKS // (groups * max(1, blocks)), items // least)), blocks, by_lanes


def bias_gradient_parts(items: int) -> int:
    """Chunks of the items of which the gradient of a bias is summed up."""
    return max(1, min(ENOUGH_TASKS, items // LEAST_CHUNK))


class LaneProduct:
    """One geometry with its tables.

    ``channels`` and ``outputs`` are those of all groups together. Arrays in lanes: x (G, P, channels, L),
    y (G, Q, outputs, L); weights (outputs, channels / groups, taps), of any strides. All of ``dtype``.
    """

    def __init__(self, windows: Windows, channels: int, outputs: int, groups: int, dtype: np.dtype) -> None:
        from netcli.layers.convolution import cpu
        from netcli.layers.convolution.weight_gradient import cpu as gradient_cpu
        from netcli.runtime.jit import LANES
        from netcli.runtime.tiles import prepare

        prepare(np.dtype(dtype))
        self._lanes = LANES
        self._kernels = cpu
        self._gradient_kernels = gradient_cpu
        self._windows = windows
        self._channels = channels
        self._outputs = outputs
        self._groups = groups
        self.dtype = dtype
        self._height, self._side = tile_height(dtype), tile_side(dtype)
        self._columns = COLUMN_VECTORS * LANES
        self._zeros = np.zeros(max(channels, outputs), dtype)
        self._runs = functools.cache(self._make_runs)
        self._parts = functools.cache(self._make_parts)
        self._offsets = functools.cache(self._make_offsets)
        self._wide = functools.cache(lambda *shape: aligned_zeros(shape, dtype))

    def forward(
        self,
        x: np.ndarray,
        weights: np.ndarray,
        bias: np.ndarray | None,
        y: np.ndarray,
        slopes: np.ndarray | None = None,
    ) -> None:
        """Writes y; ``bias`` (outputs,) or None; ``slopes`` (outputs,) of what is not above 0, or None."""
        self.multiply(x, self.packed(weights, False), bias, y, False, slopes)

    def backward_data(
        self, dy: np.ndarray, weights: np.ndarray, dx: np.ndarray, constant: np.ndarray | None = None
    ) -> None:
        """Writes dx, plus ``constant`` (channels,) if there is one."""
        self.multiply(dy, self.packed(weights, True), constant, dx, True)

    def backward_weights(
        self, x: np.ndarray, dy: np.ndarray, gradient: np.ndarray, bias_gradient: np.ndarray | None = None
    ) -> None:
        """Adds to ``gradient``, of the weights' shape, and to ``bias_gradient`` (outputs,) if there is one."""
        windows, groups, kernels = self._windows, self._groups, self._gradient_kernels
        if self._channels < _FEW_CHANNELS and any(windows.pad):
            windows, x = self._unpadded(x)
        x, dy = self._side_by_side(x), self._side_by_side(dy)
        table = self._offsets(windows, x.shape[1] // windows.input_positions)
        rows, items = self._channels // groups, dy.shape[0] * dy.shape[1]
        chunks, blocks, by_lanes = weight_gradient_parts(windows, rows, self._outputs, groups, items)
        by_columns = self._outputs // groups - by_lanes
        sums = scratch("sums", (chunks, groups, blocks, windows.taps * rows, self._columns), self.dtype)
        lane_sums = scratch("lane sums", (chunks, groups, windows.taps * rows, by_lanes, self._lanes), self.dtype)
        bias_chunks = 0 if bias_gradient is None else chunks
        bias_sums = scratch("bias sums", (bias_chunks, self._outputs, self._lanes), self.dtype)
        if blocks:
            tasks = chunks * groups * blocks
            transposed = scratch("transposed", (tasks, ITEMS_AT_ONCE, self._lanes, self._columns), self.dtype)
            kernels.correlate_windows(
                x, dy, table.offsets, table.taps * rows, groups, by_columns, self._height, transposed, sums, bias_sums
            )
        if by_lanes:
            kernels.correlate_windows_in_lanes(
                x, dy, table.offsets, table.taps * rows, groups, by_columns, self._side, ITEMS_AT_ONCE, lane_sums,
                bias_sums,
            )  # fmt: skip
        bias_gradient = self._zeros[:0] if bias_gradient is None else bias_gradient
        kernels.add_sums(sums, lane_sums, bias_sums, by_columns, gradient, bias_gradient)

    def backward_bias(self, dy: np.ndarray, gradient: np.ndarray) -> None:
        """Adds to ``gradient`` (outputs,)."""
        sums = scratch("bias sums", (bias_gradient_parts(dy.shape[0] * dy.shape[1]), *dy.shape[2:]), self.dtype)
        self._gradient_kernels.add_bias_gradient(dy, sums, gradient)

    def packed(self, weights: np.ndarray, for_backward: bool) -> np.ndarray:
        """The weights as ``multiply`` wants them, in memory that the next product will use too."""
        made = (self._channels if for_backward else self._outputs) // self._groups
        blocks = -(-made // self._height)
        rows = weights.size // (made * self._groups)
        packed = scratch("packed", (self._groups, blocks, rows, self._lanes), self.dtype)
        self._kernels.pack_weights(np.ascontiguousarray(weights), self._groups, for_backward, self._height, packed)
        return packed

    def multiply(
        self,
        source: np.ndarray,
        packed: np.ndarray,
        constant: np.ndarray | None,
        target: np.ndarray,
        for_backward: bool,
        slopes: np.ndarray | None = None,
    ) -> None:
        """Writes y of x, or with ``for_backward`` dx of dy, with weights that were packed for it."""
        constant = self._zeros if constant is None else constant
        slopes = self._zeros[:0] if slopes is None else slopes
        source, target = self._side_by_side(source), self._side_by_side(target)
        table, parts, output_parts = self._parts(source.shape, target.shape, packed.shape, for_backward)
        (images, inputs, channels, lanes), made = source.shape, target.shape[2]
        self._kernels.multiply_windows(
            source.reshape(-1), (inputs * channels * lanes, channels // self._groups * lanes, lanes),
            table.pairs, table.starts, table.runs, packed, constant, slopes, images, self._groups, made, parts,
            output_parts, target.reshape(-1), (target.shape[1] * made * lanes, lanes, made * lanes),
        )  # fmt: skip

    def _side_by_side(self, lanes: np.ndarray) -> np.ndarray:
        """With few positions, all image groups as one of many positions: the weights are then read once."""
        if self._windows.output_positions > _FEW_POSITIONS:
            return lanes
        return lanes.reshape(1, -1, *lanes.shape[2:])

    def _make_parts(
        self, source: Shape, target: Shape, packed: Shape, for_backward: bool
    ) -> tuple[PairedRuns, int, int]:
        """The table for arrays of these shapes, and into how many parts its pairs and the outputs are cut."""
        positions = self._windows.input_positions if for_backward else self._windows.output_positions
        table, all_blocks = self._runs(target[1] // positions, for_backward), self._groups * packed[1]
        if target[0] == 1 and math.prod(packed) > math.prod(source):
            # What is larger passes once, and every task has all of what is smaller.
            output_parts = min(all_blocks, ENOUGH_TASKS)
            return table, min(len(table.pairs), ENOUGH_TASKS // output_parts), output_parts
        parts = min(len(table.pairs), -(-ENOUGH_TASKS // target[0]))
        return table, parts, min(all_blocks, max(1, ENOUGH_TASKS // (target[0] * parts)))

    def _make_runs(self, images: int, for_backward: bool) -> PairedRuns:
        channels = self._outputs if for_backward else self._channels
        table = paired_runs(self._windows, images, channels, self._groups, for_backward)
        in_values = np.array([1, 1, self._lanes, self._lanes], np.int32)
        return replace(table, runs=table.runs * in_values)

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
        self._kernels.spread_positions(x, grid[inner].ravel(), wide)
        return Windows(
            inputs, windows.outputs, windows.kernel, windows.stride, (0,) * len(inputs), windows.dilation
        ), wide


class TransposedLaneProduct:
    """A LaneProduct the other way round, as a deconvolution has it: its forward pass is the other's data gradient.

    ``inner`` leads from the output here to the input here; weights are in its layout.
    """

    def __init__(self, inner: LaneProduct) -> None:
        self._inner = inner

    def forward(self, x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None, y: np.ndarray) -> None:
        """Writes y; ``bias`` (channels of y,) or None."""
        self._inner.backward_data(x, weights, y, bias)

    def backward_data(self, dy: np.ndarray, weights: np.ndarray, dx: np.ndarray) -> None:
        """Writes dx."""
        self._inner.forward(dy, weights, None, dx)

    def backward_weights(
        self, x: np.ndarray, dy: np.ndarray, gradient: np.ndarray, bias_gradient: np.ndarray | None = None
    ) -> None:
        """Adds to ``gradient``, of the weights' shape, and to ``bias_gradient`` (channels of dy,) if there is one."""
        self._inner.backward_weights(dy, x, gradient)
        if bias_gradient is not None:
            self.backward_bias(dy, bias_gradient)

    def backward_bias(self, dy: np.ndarray, gradient: np.ndarray) -> None:
        """Adds to ``gradient`` (channels of dy,)."""
        self._inner.backward_bias(dy, gradient)
