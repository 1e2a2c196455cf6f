"""The product of sliding windows and weights in lanes: tables, packed weights, and calls of the kernels.

    y[q, k]      = b[k] + sum over (p, t) that meet q, and c, of w[k, c, t] x[p, c]
    dx[p, c]     =        sum over (q, t) that meet p, and k, of w[k, c, t] dy[q, k]
    dw[k, c, t] +=        sum over (p, q) that meet at t, and images, of x[p, c] dy[q, k]
    db[k]       +=        sum over q and images of dy[q, k]

with p an input position, q an output position, t a tap, c a channel and k an output; with groups, c and k
only meet within their group. Both backward sums are those of the forward pass, read by other tables, so that
faster kernels have two loops to replace.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

from netcli.layers.windows import Windows, backward_runs, forward_runs, pairs_of_taps
from netcli.runtime.blob import aligned_zeros

_ENOUGH_TASKS = 128


class LaneProduct:
    """One geometry with its scratch memory. ``kernels``: a module with the names of convolution/cpu.py.

    ``channels`` and ``outputs`` are those of all groups together. Arrays in lanes: x (G, P, channels, L),
    y (G, Q, outputs, L); weights (outputs, channels / groups, taps), of any strides.
    """

    def __init__(
        self, kernels: ModuleType, windows: Windows, channels: int, outputs: int, groups: int, dtype: np.dtype
    ) -> None:
        self._kernels = kernels
        self._windows = windows
        self._channels = channels
        self._outputs = outputs
        self._groups = groups
        self._dtype = dtype
        self._zeros = np.zeros(max(channels, outputs), dtype)
        self._packed: dict[bool, np.ndarray] = {}

    def forward(self, x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None, y: np.ndarray) -> None:
        """Writes y; ``bias`` (outputs,) or None."""
        self._multiply(x, forward_runs(self._windows), weights, self._zeros if bias is None else bias, y, False)

    def backward_data(
        self, dy: np.ndarray, weights: np.ndarray, dx: np.ndarray, constant: np.ndarray | None = None
    ) -> None:
        """Writes dx, plus ``constant`` (channels,) if there is one."""
        self._multiply(
            dy, backward_runs(self._windows), weights, self._zeros if constant is None else constant, dx, True
        )

    def backward_weights(self, x: np.ndarray, dy: np.ndarray, gradient: np.ndarray) -> None:
        """Adds to ``gradient``, of the weights' shape."""
        starts, pairs = pairs_of_taps(self._windows)
        self._kernels.add_weight_gradient(x, dy, starts, pairs, self._groups, gradient)

    def backward_bias(self, dy: np.ndarray, gradient: np.ndarray) -> None:
        """Adds to ``gradient`` (outputs,)."""
        self._kernels.add_bias_gradient(dy, gradient)

    def _multiply(
        self,
        source: np.ndarray,
        table: tuple[np.ndarray, np.ndarray],
        weights: np.ndarray,
        constant: np.ndarray,
        target: np.ndarray,
        for_backward: bool,
    ) -> None:
        packed = self._packed_weights(for_backward)
        self._kernels.pack_weights(weights, self._groups, for_backward, packed)
        blocks = packed.shape[0] * packed.shape[1]
        splits = 1 if target.shape[0] * target.shape[1] >= _ENOUGH_TASKS else blocks
        self._kernels.multiply_windows(source, *table, packed, constant, splits, target)

    def _packed_weights(self, for_backward: bool) -> np.ndarray:
        packed = self._packed.get(for_backward)
        if packed is None:
            shape = self._kernels.packed_shape(
                self._groups, self._channels, self._outputs, self._windows.taps, for_backward
            )
            packed = self._packed[for_backward] = aligned_zeros(shape, self._dtype)
        return packed


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

    def backward_weights(self, x: np.ndarray, dy: np.ndarray, gradient: np.ndarray) -> None:
        """Adds to ``gradient``, of the weights' shape."""
        self._inner.backward_weights(dy, x, gradient)

    def backward_bias(self, dy: np.ndarray, gradient: np.ndarray) -> None:
        """Adds to ``gradient`` (channels of dy,)."""
        self._inner.backward_bias(dy, gradient)
