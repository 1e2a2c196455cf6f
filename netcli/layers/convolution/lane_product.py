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
from typing import ClassVar

import numpy as np

from netcli.layers.convolution.tap_tables import PairedRuns, paired_runs
from netcli.layers.convolution.tasks import ENOUGH_TASKS, as_groups
from netcli.layers.convolution.weight_gradient.product import WeightGradient
from netcli.layers.windows import Windows
from netcli.runtime.blob import Shape
from netcli.runtime.scratch import scratch
from netcli.runtime.tile_shape import tile_height


class LaneProduct:
    """One geometry with its tables.

    ``channels`` and ``outputs`` are those of all groups together. Arrays in lanes: x (G, P, channels, L),
    y (G, Q, outputs, L); weights (outputs, channels / groups, taps), of any strides. All of ``dtype``.

    Attributes:
        adds: whether ``forward`` takes ``added``.
        threads: how many kernels may run on; what each needs of its own has as many parts.
        weight_gradient: what adds to the gradients of weights and bias.
    """

    adds: ClassVar[bool] = True

    def __init__(self, windows: Windows, channels: int, outputs: int, groups: int, dtype: np.dtype) -> None:
        from netcli.layers.convolution import cpu
        from netcli.runtime.jit import LANES, MOST_THREADS
        from netcli.runtime.tiles import prepare

        prepare(np.dtype(dtype))
        self._lanes = LANES
        self.threads = MOST_THREADS
        self._kernels = cpu
        self._windows = windows
        self._channels = channels
        self._outputs = outputs
        self._groups = groups
        self.dtype = dtype
        self._height = tile_height(dtype)
        self._zeros = np.zeros(max(channels, outputs), dtype)
        self._runs = functools.cache(self._make_runs)
        self._parts = functools.cache(self._make_parts)
        self.weight_gradient = WeightGradient(windows, channels, outputs, groups, dtype)

    def forward(
        self,
        x: np.ndarray,
        weights: np.ndarray,
        bias: np.ndarray | None,
        y: np.ndarray,
        slopes: np.ndarray | None = None,
        added: np.ndarray | None = None,
    ) -> None:
        """Writes y; ``bias`` (outputs,) or None; ``slopes`` (outputs,) of what is not above 0, or None.

        ``added``: what is added to y before the slopes count, or None.
        """
        self.multiply(x, self.packed(weights, False), bias, y, False, slopes, added)

    def backward_data(
        self, dy: np.ndarray, weights: np.ndarray, dx: np.ndarray, constant: np.ndarray | None = None
    ) -> None:
        """Writes dx, plus ``constant`` (channels,) if there is one."""
        self.multiply(dy, self.packed(weights, True), constant, dx, True)

    def backward_weights(
        self, x: np.ndarray, dy: np.ndarray, gradient: np.ndarray, bias_gradient: np.ndarray | None = None
    ) -> None:
        """Adds to ``gradient``, of the weights' shape, and to ``bias_gradient`` (outputs,) if there is one."""
        self.weight_gradient.add(x, dy, gradient, bias_gradient)

    def backward_bias(self, dy: np.ndarray, gradient: np.ndarray) -> None:
        """Adds to ``gradient`` (outputs,)."""
        self.weight_gradient.add_bias(dy, gradient)

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
        added: np.ndarray | None = None,
    ) -> None:
        """Writes y of x, or with ``for_backward`` dx of dy, with weights that were packed for it."""
        constant = self._zeros if constant is None else constant
        slopes = self._zeros[:0] if slopes is None else slopes
        source, target = as_groups(self._windows, source), as_groups(self._windows, target)
        table, parts, output_parts = self._parts(source.shape, target.shape, packed.shape, for_backward)
        (images, inputs, channels, lanes), made = source.shape, target.shape[2]
        self._kernels.multiply_windows(
            source.reshape(-1), (inputs * channels * lanes, channels // self._groups * lanes, lanes),
            table.pairs, table.starts, table.runs, packed, constant, slopes, images, self._groups, made, parts,
            output_parts, source.reshape(-1)[:0] if added is None else added.reshape(-1), target.reshape(-1),
            (target.shape[1] * made * lanes, lanes, made * lanes),
        )  # fmt: skip

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
        return table.in_values(self._lanes)


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
