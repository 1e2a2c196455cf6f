"""Numbers in device memory that change between passes: rates, lambdas, keys of random streams.

A captured graph keeps the numbers that its kernels were launched with. So what changes is read by kernels from
memory, which is written before the pass, outside the graph.
"""

from __future__ import annotations

import numpy as np

from netcli.runtime.cuda.memory import DeviceArray, device_zeros


class ChangingNumbers:
    """A few numbers of one type.

    Attributes:
        array: where kernels read them.
    """

    def __init__(self, count: int, dtype: np.dtype | type) -> None:
        self.array: DeviceArray = device_zeros(count, dtype)
        self._host = np.zeros(count, dtype)

    def set(self, *values: float) -> None:
        """Writes all of them; nothing is copied where they are as they were."""
        new = np.array(values, self._host.dtype)
        if new.tobytes() != self._host.tobytes():
            self._host = new
            self.array.copy_from_host(new)
