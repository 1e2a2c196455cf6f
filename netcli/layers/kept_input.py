"""The input of a layer that may work in place, for its backward."""

from __future__ import annotations

import numpy as np

from netcli.runtime.blob import LANES, Blob, Place, Replicas


class KeptInput:
    """Keeps the bottom's values where the top will overwrite them, and only there.

    Where no user holds the bottom's array nothing is copied: it becomes the kept one, and the top gets another.
    """

    def __init__(self, dtype: np.dtype) -> None:
        self._dtype = dtype
        self._copy: Replicas | None = None

    def keep(self, bottom: Blob, top: Blob, place: Place) -> np.ndarray:
        """The bottom's values at ``place``, where they are fresh; to be called before the top is written there."""
        if bottom is not top:
            return bottom.values.read(place)
        if self._copy is None:
            self._copy = Replicas(bottom.shape, self._dtype)
        self._copy.reshape(bottom.shape)
        if place is LANES or not bottom.values.handed_out:
            bottom.values.hand_over(place, self._copy)
        else:
            np.copyto(self._copy.write(place), bottom.values.read(place))
        return self._copy.read(place)

    def values(self, bottom: Blob, top: Blob) -> Replicas:
        """The values that ``forward`` has read."""
        if bottom is not top:
            return bottom.values
        assert self._copy is not None, "backward before forward"
        return self._copy
