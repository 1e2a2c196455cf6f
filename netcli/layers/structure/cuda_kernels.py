"""CUDA kernels of the structure layers."""

from __future__ import annotations

import numpy as np

from netcli.runtime.cuda.kernel import cuda_kernel
from netcli.runtime.cuda.toolkit import cuda


@cuda_kernel("f4*, f4*, f4*, u4")
def add(a, b, total, count):
    """total = a + b; all (count,), and total may be a."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        total[i] = a[i] + b[i]
