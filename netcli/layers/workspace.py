"""Memory that a layer keeps from pass to pass, so that a pass allocates nothing."""

from __future__ import annotations

import numpy as np


class Workspace:
    """Arrays of one dtype, by name."""

    def __init__(self, dtype: np.dtype) -> None:
        self._dtype = dtype
        self._arrays: dict[str, np.ndarray] = {}

    def array(self, name: str, *shape: int) -> np.ndarray:
        """The array ``name``. It is zero when it is new or takes another ``shape``; else it holds what it held."""
        array = self._arrays.get(name)
        if array is None or array.shape != shape:
            array = self._arrays[name] = np.zeros(shape, self._dtype)
        return array
