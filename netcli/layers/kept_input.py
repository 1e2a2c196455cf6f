"""The input of a layer that may work in place, for its backward."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer
from netcli.runtime.blob import LANES, Blob, Place, Replicas, Shape


class KeptInput:
    """Keeps the values of the bottom of ``layer`` where the top will overwrite them and backward will ask for them.

    Where no user holds the bottom's array nothing is copied: it becomes the kept one, and the top gets another.
    """

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._copy: Replicas | None = None

    def keep(self, bottom: Blob, top: Blob, place: Place) -> np.ndarray:
        """The bottom's values at ``place``, where they are fresh; to be called before the top is written there."""
        if bottom is not top or not self._layer.runs_backward:
            return bottom.values.read(place)
        if self._copy is None:
            self._copy = Replicas(bottom.shape, self._layer.context.dtype)
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

    def shapes(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """Of what is kept: see ``Layer.kept_shapes``."""
        in_place = self._layer.param.bottom[0] == self._layer.param.top[0]
        return [bottom_shapes[0]] if in_place and self._layer.runs_backward else []
