"""CPU kernels of inner products: those of a convolution whose one window is the whole input, and one more."""

from __future__ import annotations

import math

from numba import prange

from netcli.layers.convolution.cpu import (
    add_bias_gradient,
    add_weight_gradient,
    multiply_windows,
    pack_weights,
    packed_shape,
)
from netcli.runtime.jit import parallel_kernel

__all__ = [
    "add_bias_gradient",
    "add_weight_gradient",
    "multiply_windows",
    "pack_weights",
    "packed_shape",
    "rescale_rows",
]


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
