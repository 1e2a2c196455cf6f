"""The losses of passes on a GPU, kept there until somebody wants to know them.

To read a loss after each pass would make the host wait for the device in each, and the device for the host.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.net import cuda_kernels as kernels
from netcli.runtime.blob import CUDA, Blob
from netcli.runtime.cuda.changing import ChangingNumbers
from netcli.runtime.cuda.memory import device_zeros


class CudaLosses:
    """Records of passes: the weighted loss, and the first element of each blob that is watched.

    Args:
        weighted: tops with their loss weights.
        watched: more blobs.
        dtype: of the net.
        capacity: passes that are kept.

    Attributes:
        count: records since the last ``read``.
    """

    def __init__(
        self, weighted: Sequence[tuple[Blob, float]], watched: Sequence[Blob], dtype: np.dtype, capacity: int
    ) -> None:
        self.count = 0
        self.capacity = capacity
        self._weighted = list(weighted)
        self._watched = list(watched)
        self._columns = 1 + len(self._watched)
        self._records = device_zeros(capacity * self._columns, dtype)
        self._position = ChangingNumbers(1, np.uint32)

    def prepare(self) -> None:
        """Before a pass, outside a graph: where its record goes."""
        self._position.set(self.count)
        self.count += 1

    def record(self) -> None:
        """After a forward pass, maybe in a graph."""
        for index, (blob, weight) in enumerate(self._weighted):
            self._write(blob, blob.count, weight, 0, adds=index > 0)
        for column, blob in enumerate(self._watched, 1):
            self._write(blob, 1, 1, column, adds=False)

    def read(self) -> np.ndarray:
        """The records since the last call, (passes, 1 + watched); waits for the device."""
        found = self._records.to_host().reshape(self.capacity, self._columns)[: self.count].astype(np.float64)
        self.count = 0
        return found

    def _write(self, blob: Blob, count: int, weight: float, column: int, *, adds: bool) -> None:
        values = blob.values.read(CUDA)
        kernels.record(1, values, count, weight, self._records, self._position.array, column, self._columns, int(adds))
