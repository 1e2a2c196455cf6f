"""CUDA kernels of the losses over distances."""

from __future__ import annotations

import numpy as np

from netcli.runtime.cuda.kernel import cuda_kernel
from netcli.runtime.cuda.rows import ROW_BLOCK, total_of
from netcli.runtime.cuda.toolkit import cuda

uint32 = np.uint32
int32 = np.int32
float32 = np.float32


@cuda_kernel("f4*, f4*, f4*, i4*, u4", block=ROW_BLOCK)
def squared_distance(a, b, losses, counts, count):
    """losses (blocks,): sums of (a - b)^2 over the elements of a block; counts: 0."""
    parts = cuda.shared.array(ROW_BLOCK, float32)
    thread = uint32(cuda.threadIdx.x)
    total = float32(0)
    at = uint32(cuda.grid(1))
    while at < count:
        difference = a[at] - b[at]
        total += difference * difference
        at = uint32(at + uint32(cuda.gridsize(1)))
    parts[thread] = total
    cuda.syncthreads()
    if thread == 0:
        losses[cuda.blockIdx.x] = total_of(parts)
        counts[cuda.blockIdx.x] = int32(0)


@cuda_kernel("f4*, f4*, f4*, f4*, u4, f4")
def scaled_difference(a, b, top_gradient, gradient, count, share):
    """gradient = share w (a - b)."""
    at = uint32(cuda.grid(1))
    if at < count:
        gradient[at] = share * top_gradient[0] * (a[at] - b[at])
