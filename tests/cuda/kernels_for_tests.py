"""Kernels for the tests of kernels."""

import numpy as np

from netcli.runtime.cuda.kernel import cuda_kernel
from netcli.runtime.cuda.toolkit import cuda


@cuda_kernel("f4*, f4*, u4, f4")
def scaled(x, y, count, factor):
    i = np.uint32(cuda.grid(1))
    if i < count:
        y[i] = factor * x[i]


@cuda_kernel("f4*, f4*", block=4)
def block_totals(x, y):
    parts = cuda.shared.array(4, np.float32)
    thread = cuda.threadIdx.x
    parts[thread] = x[np.uint32(cuda.grid(1))]
    cuda.syncthreads()
    if thread == 0:
        y[np.uint32(cuda.blockIdx.x)] = parts[0] + parts[1] + parts[2] + parts[3]
