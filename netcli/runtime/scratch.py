"""Memory for what lives within one call: one array a name and thread, as large as the largest layer needs.

Layers run one after another, so that what one has finished with serves the next, and stays warm in the cache.
"""

from __future__ import annotations

import math
import threading

import numpy as np

from netcli.runtime.blob import Shape, aligned_zeros

_MOST_VIEWS = 64
"""Shapes of one array that are kept ready."""

_memory = threading.local()


def scratch(name: str, shape: Shape, dtype: np.dtype) -> np.ndarray:
    """A 64-byte aligned array of any content. The next call with this name, in this thread, gives the same memory."""
    views: dict[tuple[str, np.dtype], dict[Shape, np.ndarray]] = _memory.__dict__.setdefault("views", {})
    own = views.setdefault((name, dtype), {})
    view = own.get(shape)
    if view is None:
        view = own[shape] = _room(name, math.prod(shape), dtype, own).reshape(shape)
    return view


def _room(name: str, count: int, dtype: np.dtype, views: dict[Shape, np.ndarray]) -> np.ndarray:
    """The first ``count`` values of the memory, which grows where that is too little; ``views`` of it are let go."""
    arrays: dict[tuple[str, np.dtype], np.ndarray] = _memory.__dict__.setdefault("arrays", {})
    memory = arrays.get((name, dtype))
    if memory is None or memory.size < count:
        # The smaller one goes first, so that both are never there at once.
        memory = None
        views.clear()
        arrays.pop((name, dtype), None)
        memory = arrays[name, dtype] = aligned_zeros((count,), dtype)
    elif len(views) >= _MOST_VIEWS:
        views.clear()
    return memory[:count]


def scratch_bytes() -> int:
    """What this thread holds."""
    return sum(array.nbytes for array in _memory.__dict__.get("arrays", {}).values())
