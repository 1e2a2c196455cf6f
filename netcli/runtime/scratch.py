"""Memory for what lives within one call: one array a name and thread, as large as the largest layer needs.

Layers run one after another, so that what one has finished with serves the next, and stays warm in the cache.
"""

from __future__ import annotations

import math
import threading

import numpy as np

from netcli.runtime.blob import Shape, aligned_zeros

_memory = threading.local()


def scratch(name: str, shape: Shape, dtype: np.dtype) -> np.ndarray:
    """A 64-byte aligned array of any content. The next call with this name, in this thread, gives the same memory."""
    count = math.prod(shape)
    arrays: dict[tuple[str, np.dtype], np.ndarray] = _memory.__dict__.setdefault("arrays", {})
    key = (name, np.dtype(dtype))
    memory = arrays.get(key)
    if memory is None or memory.size < count:
        # The smaller one goes first, so that both are never there at once.
        memory = None
        arrays.pop(key, None)
        memory = arrays[key] = aligned_zeros((count,), key[1])
    return memory[:count].reshape(shape)


def scratch_bytes() -> int:
    """What this thread holds."""
    return sum(array.nbytes for array in _memory.__dict__.get("arrays", {}).values())
