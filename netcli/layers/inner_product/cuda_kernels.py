"""The CUDA kernel of inner products that is not a product."""

from __future__ import annotations

import math

import numpy as np

from netcli.runtime.cuda.kernel import cuda_kernel
from netcli.runtime.cuda.rows import ROW_BLOCK, part_of_product, total_of
from netcli.runtime.cuda.toolkit import cuda

uint32 = np.uint32
float32 = np.float32


@cuda_kernel("f4*, f4*, u4, f4", block=ROW_BLOCK)
def rescale_rows(rows, rescaled, features, least):
    """rescaled: the rows (rows, features) over the roots of their square sums plus ``least``, perhaps in place.

    A block for each row.
    """
    parts = cuda.shared.array(ROW_BLOCK, float32)
    thread = uint32(cuda.threadIdx.x)
    first = uint32(uint32(cuda.blockIdx.x) * features)
    parts[thread] = part_of_product(rows, rows, first, uint32(1), features, thread)
    cuda.syncthreads()
    factor = float32(1) / math.sqrt(total_of(parts) + least)
    k = thread
    while k < features:
        rescaled[uint32(first + k)] = rows[uint32(first + k)] * factor
        k = uint32(k + uint32(ROW_BLOCK))
