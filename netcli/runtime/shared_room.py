"""Memory that several blobs' arrays take turns to stand in, because no two of them are needed at the same time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.runtime.blob import LANES, Place, Shape, aligned_zeros, lanes_shape
from netcli.runtime.cpu import lane_count


class SharedRoom:
    """As large, in each place of the CPU, as the largest of ``shapes`` needs there; made at its first use.

    What one blob has left in it is there for the next, in padding lanes too: who writes a blob writes all lanes.
    """

    def __init__(self, shapes: Sequence[Shape], dtype: np.dtype) -> None:
        self._shapes = tuple(shapes)
        self._dtype = dtype
        self._memory: dict[Place, np.ndarray] = {}

    def array(self, place: Place, shape: Shape) -> np.ndarray:
        """The first values of the room at ``place``, as a blob of ``shape``, one of the room's, has them."""
        memory = self._memory.get(place)
        if memory is None:
            most = max(math.prod(_shape_at(place, shape)) for shape in self._shapes)
            memory = self._memory[place] = aligned_zeros((most,), self._dtype)
        wanted = _shape_at(place, shape)
        return memory[: math.prod(wanted)].reshape(wanted)


def _shape_at(place: Place, shape: Shape) -> Shape:
    return lanes_shape(shape, lane_count()) if place is LANES else shape
