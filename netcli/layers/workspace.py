"""Memory that a layer keeps from pass to pass, so that a pass allocates nothing."""

from __future__ import annotations

import math

import numpy as np


class Workspace:
    """Arrays of one dtype, by name."""

    def __init__(self, dtype: np.dtype) -> None:
        self._dtype = dtype
        self._kept: dict[str, np.ndarray] = {}
        self._scratch: dict[str, np.ndarray] = {}

    def kept(self, name: str, *shape: int) -> np.ndarray:
        """The array ``name``, with what was left in it; zeros when it is new or takes another ``shape``."""
        array = self._kept.get(name)
        if array is None or array.shape != shape:
            array = self._kept[name] = np.zeros(shape, self._dtype)
        return array

    def scratch(self, name: str, *shape: int) -> np.ndarray:
        """An array of any content. Its memory only grows, so that shapes may come and go within a pass."""
        count = math.prod(shape)
        memory = self._scratch.get(name)
        if memory is None or memory.size < count:
            memory = self._scratch[name] = np.empty(count, self._dtype)
        return memory[:count].reshape(shape)
