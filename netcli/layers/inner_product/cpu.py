"""CPU kernels of inner products, beside those of a convolution whose one window is the whole input."""

from __future__ import annotations

import math

from numba import prange

from netcli.runtime.jit import parallel_kernel


@parallel_kernel
def rescale_rows(weights, least):
    """Divides each row of weights (K, D) by the root of its squared length plus ``least``."""
    for row in prange(weights.shape[0]):
        values = weights[row]
        total = least
        for i in range(values.size):
            total += values[i] * values[i]
        length = math.sqrt(total)
        for i in range(values.size):
            values[i] /= length
