"""CPU kernels of the structure layers."""

from __future__ import annotations

from numba import prange

from netcli.runtime.jit import parallel_kernel


@parallel_kernel
def add(a, b, total):
    """total = a + b; all (count,), and total may be a."""
    for i in prange(a.size):
        total[i] = a[i] + b[i]
