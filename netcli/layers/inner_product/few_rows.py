"""The inner product of a few items: each weight is read once, where it stands, and is all that costs time."""

from __future__ import annotations

import numpy as np

from netcli.runtime.scratch import scratch

_CHUNK = 1024
"""Columns of a row that stay in the first cache while the items pass by."""


class FewRows:
    """Plain arrays: x (N, C, P), y (N, K, 1), weights (K, C, P), C-ordered."""

    def __init__(self) -> None:
        from netcli.layers.inner_product import cpu

        self._kernels = cpu

    def forward(self, x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None, y: np.ndarray) -> None:
        """Writes y; ``bias`` (K,) or None."""
        rows = _flat(y)
        rows[...] = 0 if bias is None else bias
        self._kernels.add_products(_flat(x), _flat(weights), _CHUNK, rows)

    def backward_data(self, dy: np.ndarray, weights: np.ndarray, dx: np.ndarray) -> None:
        """Writes dx."""
        self._kernels.combine_rows(_flat(dy), _flat(weights), _CHUNK, _flat(dx))

    def backward_weights(
        self, x: np.ndarray, dy: np.ndarray, gradient: np.ndarray, bias_gradient: np.ndarray | None = None
    ) -> None:
        """Adds to ``gradient``, of the weights' shape, and to ``bias_gradient`` if there is one."""
        self._kernels.add_outer_products(_flat(dy), _flat(x), _CHUNK, _flat(gradient))
        if bias_gradient is not None:
            self.backward_bias(dy, bias_gradient)

    def backward_bias(self, dy: np.ndarray, gradient: np.ndarray) -> None:
        """Adds to ``gradient`` (K,)."""
        gradient += _flat(dy).sum(axis=0)


class FewRowsInLanes:
    """The same for arrays in lanes, x (G, P, C, L) and y (G, 1, K, L), of which ``images`` count."""

    def __init__(self, images: int) -> None:
        from netcli.runtime import lane_kernels

        self._images = images
        self._conversions = lane_kernels
        self._rows = FewRows()

    def forward(self, x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None, y: np.ndarray) -> None:
        """Writes y; ``bias`` (K,) or None."""
        plain = self._room("plain y", y)
        self._rows.forward(self._plain("plain x", x), weights, bias, plain)
        self._conversions.plain_to_lanes(plain, y)

    def backward_data(self, dy: np.ndarray, weights: np.ndarray, dx: np.ndarray) -> None:
        """Writes dx."""
        plain = self._room("plain x", dx)
        self._rows.backward_data(self._plain("plain y", dy), weights, plain)
        self._conversions.plain_to_lanes(plain, dx)

    def backward_weights(self, x: np.ndarray, dy: np.ndarray, gradient: np.ndarray) -> None:
        """Adds to ``gradient``, of the weights' shape."""
        self._rows.backward_weights(self._plain("plain x", x), self._plain("plain y", dy), gradient)

    def _plain(self, name: str, lanes: np.ndarray) -> np.ndarray:
        plain = self._room(name, lanes)
        self._conversions.lanes_to_plain(lanes, plain)
        return plain

    def _room(self, name: str, lanes: np.ndarray) -> np.ndarray:
        return scratch(name, (self._images, lanes.shape[2], lanes.shape[1]), lanes.dtype)


def _flat(array: np.ndarray) -> np.ndarray:
    return array.reshape(len(array), -1)
