"""Several arrays side by side in one allocation, so that one launch can go over all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.runtime.cuda.memory import DeviceArray, device_zeros


class Arena:
    """Room for arrays of these sizes, each from a multiple of ``unit`` elements on; what lies between them is zero.

    Attributes:
        memory: all of it.
        parts: one for each array.
        owners: for each ``unit`` elements, the position of the array that they belong to, int32.
    """

    def __init__(self, sizes: Sequence[int], unit: int, dtype: np.dtype | type = np.float32) -> None:
        units = [-(-size // unit) for size in sizes]
        starts = np.cumsum([0, *units])
        self.memory: DeviceArray = device_zeros(int(starts[-1]) * unit, dtype)
        self.parts = [self.memory.at(int(start) * unit, size) for start, size in zip(starts, sizes, strict=False)]
        self.owners = np.repeat(np.arange(len(sizes), dtype=np.int32), units)
