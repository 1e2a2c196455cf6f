"""CUDA kernels of the layers that make few values of many."""

from __future__ import annotations

import numpy as np

from netcli.layers.cuda_sum_kernels import ABSOLUTE_VALUES, VALUES
from netcli.runtime.cuda.kernel import cuda_kernel
from netcli.runtime.cuda.toolkit import cuda

_ZERO = np.float32(0)


@cuda_kernel("f4*, f4*, i4, f4, f4*, u4, u4")
def reduction_backward(x, dy, kind, factor, dx, count, length):
    """dx (rows, length) of a sum of each row, dy (rows,), times ``factor``; the sign of 0 and of NaN is 0."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        scale = factor * dy[np.uint32(i // length)]
        value = x[i]
        if kind == VALUES:
            dx[i] = scale
        elif kind == ABSOLUTE_VALUES:
            dx[i] = scale if value > 0 else -scale if value < 0 else _ZERO
        else:
            dx[i] = scale * (value + value)
