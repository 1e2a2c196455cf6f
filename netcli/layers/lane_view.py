"""A blob as images, channels and positions whatever its channel axis: in lanes, or plain."""

from __future__ import annotations

import math

import numpy as np

from netcli.runtime.blob import LANES, PLAIN, Replicas, aligned_zeros


class LaneView:
    """Reads and writes arrays as ``(G, P, C, L)`` with C = shape[axis].

    All axes before ``axis`` count as images and all after it as positions. With axis 1 these are the blob's
    own lanes; otherwise a scratch of this object, converted from and to the plain array.
    """

    def __init__(self, axis: int) -> None:
        self.axis = axis
        self._scratch: np.ndarray | None = None

    def read(self, replicas: Replicas) -> np.ndarray:
        """The array in lanes; its content must not be changed."""
        if self.axis == 1:
            return replicas.read(LANES)
        from netcli.runtime.lane_kernels import plain_to_lanes

        lanes = self._lanes(replicas)
        plain_to_lanes(_logical(replicas, replicas.read(PLAIN), self.axis), lanes)
        return lanes

    def write(self, replicas: Replicas) -> np.ndarray:
        """Lanes of any content, to be overwritten wholly; ``store`` must follow."""
        return replicas.write(LANES) if self.axis == 1 else self._lanes(replicas)

    def store(self, replicas: Replicas) -> None:
        """Carries what was put into ``write``'s array to the blob."""
        if self.axis == 1:
            return
        from netcli.runtime.lane_kernels import lanes_to_plain

        lanes_to_plain(self._lanes(replicas), _logical(replicas, replicas.write(PLAIN), self.axis))

    def _lanes(self, replicas: Replicas) -> np.ndarray:
        from netcli.runtime.jit import LANES as width

        shape = replicas.shape
        groups = -(-math.prod(shape[: self.axis]) // width)
        wanted = (groups, math.prod(shape[self.axis + 1 :]), shape[self.axis], width)
        if self._scratch is None or self._scratch.shape != wanted:
            self._scratch = aligned_zeros(wanted, replicas.dtype)
        return self._scratch


class PlainView:
    """Reads and writes plain arrays as (images, C, positions) with C = shape[axis]."""

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def read(self, replicas: Replicas) -> np.ndarray:
        """The array; its content must not be changed."""
        return _logical(replicas, replicas.read(PLAIN), self.axis)

    def write(self, replicas: Replicas) -> np.ndarray:
        """The array, of any content, to be overwritten wholly."""
        return _logical(replicas, replicas.write(PLAIN), self.axis)

    def store(self, replicas: Replicas) -> None:
        """It is there already."""


def _logical(replicas: Replicas, plain: np.ndarray, axis: int) -> np.ndarray:
    shape = replicas.shape
    return plain.reshape(math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))
