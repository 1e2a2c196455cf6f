"""CUDA kernels of a net's losses."""

from __future__ import annotations

import numpy as np

from netcli.runtime.cuda.kernel import cuda_kernel


@cuda_kernel("f4*, u4, f4, f4*, u4*, u4, u4, i4", block=1)
def record(values, count, weight, records, position, column, columns, adds):
    """records (passes, columns) at (position[0], column) = weight times the sum of values (count,), or more by that."""
    total = np.float32(0)
    for i in range(count):
        total += values[i]
    place = np.uint32(np.uint32(position[0] * columns) + column)
    total *= weight
    records[place] = records[place] + total if adds else total
