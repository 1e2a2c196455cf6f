"""The product of a few images by windows of one tap, where the values stand: neighbouring positions fill the lanes.

    y[n, k, p] = b[k] + sum over c of w[k, c] x[n, c, p]        p, p + 1, p + 2 ... side by side in a vector

Nothing is carried to lanes and back: at 56 x 56 positions it takes half as long as in tiles. With more taps it would
not: vectors that begin at any position stand across lines of the cache, and that costs more than tiles do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from netcli.layers.convolution.few_images.product import TiledProduct
from netcli.layers.convolution.tasks import ENOUGH_TASKS
from netcli.layers.windows import Windows


def is_pointwise(windows: Windows, lanes: int) -> bool:
    """Whether each output sees the input at its own position alone, and there are enough of them to fill a vector."""
    return windows.taps == 1 and windows.outputs == windows.inputs and windows.input_positions >= lanes


class PointwiseProduct(TiledProduct):
    """Forward and data gradient as above, the gradient of the weights as of tiles. Arguments and arrays: as there."""

    adds = True

    def __init__(self, windows: Windows, channels: int, outputs: int, groups: int, *rest: Any) -> None:
        super().__init__(windows, channels, outputs, groups, *rest)
        from netcli.layers.convolution import cpu

        self._windowed_kernels = cpu
        self._groups = groups
        # The last vector ends with the last position, wherever it begins.
        starts = np.minimum(np.arange(0, windows.input_positions, self._lanes), windows.input_positions - self._lanes)
        self._pairs = np.append(starts, starts[len(starts) - len(starts) % 2 :]).reshape(-1, 2).astype(np.int32)
        self._run_starts = np.arange(len(self._pairs) + 1, dtype=np.int32)
        self._ahead, self._back = (self._runs(count // groups) for count in (channels, outputs))
        self._no_constant = np.zeros(max(channels, outputs), self._dtype)

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
        constant = self._no_constant if bias is None else bias
        self._multiply(x, self._ahead, self.packed(weights), constant, y, slopes, added)

    def backward_data(self, dy: np.ndarray, weights: np.ndarray, dx: np.ndarray) -> None:
        """Writes dx."""
        self._multiply(dy, self._back, self._product.packed(weights, True), self._no_constant, dx)

    def _runs(self, summed: int) -> np.ndarray:
        """Of each pair of vectors: all rows of the weights, ``summed`` of them, and the places of x."""
        runs = np.empty((len(self._pairs), 4), np.int32)
        runs[:, 0], runs[:, 1], runs[:, 2:] = 0, summed, self._pairs
        return runs

    def _multiply(
        self,
        x: np.ndarray,
        runs: np.ndarray,
        packed: np.ndarray,
        constant: np.ndarray,
        y: np.ndarray,
        slopes: np.ndarray | None = None,
        added: np.ndarray | None = None,
    ) -> None:
        (images, channels, positions), made = x.shape, y.shape[1]
        summed = channels // self._groups
        output_parts = min(self._groups * packed.shape[1], ENOUGH_TASKS)
        parts = min(len(self._pairs), max(1, ENOUGH_TASKS // (output_parts * images)))
        self._windowed_kernels.multiply_windows(
            x.reshape(-1), (channels * positions, summed * positions, positions),
            self._pairs, self._run_starts, runs, packed, constant, self._no_constant[:0] if slopes is None else slopes,
            images, self._groups, made, parts, output_parts,
            self._no_constant[:0] if added is None else added.reshape(-1),
            y.reshape(-1), (made * positions, positions, 1),
        )  # fmt: skip
