"""The input of a layer that may work in place, for its backward."""

from __future__ import annotations

import numpy as np

from netcli.runtime.blob import Blob, Place, Replicas


class KeptInput:
    """Copies the bottom's values where the top will overwrite them, and only there."""

    def __init__(self, dtype: np.dtype) -> None:
        self._dtype = dtype
        self._copy: Replicas | None = None

    def keep(self, bottom: Blob, top: Blob, place: Place) -> None:
        """To be called before the top is written; ``place`` is where the bottom is fresh."""
        if bottom is not top:
            return
        if self._copy is None:
            self._copy = Replicas(bottom.shape, self._dtype)
        self._copy.reshape(bottom.shape)
        np.copyto(self._copy.write(place), bottom.values.read(place))

    def values(self, bottom: Blob, top: Blob) -> Replicas:
        """The values that ``forward`` has read."""
        if bottom is not top:
            return bottom.values
        assert self._copy is not None, "backward before forward"
        return self._copy
