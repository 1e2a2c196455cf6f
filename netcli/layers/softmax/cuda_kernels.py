"""CUDA kernels of softmax: x, y (outer, channels, inner), flat; a block of threads for each row of channels."""

from __future__ import annotations

import math

import numpy as np

from netcli.runtime.cuda.kernel import cuda_kernel
from netcli.runtime.cuda.rows import LEAST, ROW_BLOCK, largest_of, part_of_product, total_of
from netcli.runtime.cuda.toolkit import cuda

uint32 = np.uint32
float32 = np.float32


@cuda_kernel("f4*, f4*, f4*, u4, u4", block=ROW_BLOCK)
def softmax_forward(x, y, normalisers, channels, inner):
    """y: probabilities over the channels of x. normalisers (rows,): log sum_k exp(x_k). A block for each row."""
    parts = cuda.shared.array(ROW_BLOCK, float32)
    thread, row = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
    outer = uint32(row // inner)
    first = uint32(uint32(uint32(outer * channels) * inner) + uint32(row - uint32(outer * inner)))
    best = LEAST
    k = thread
    while k < channels:
        score = x[uint32(first + uint32(k * inner))]
        if score > best:
            best = score
        k = uint32(k + uint32(ROW_BLOCK))
    parts[thread] = best
    cuda.syncthreads()
    best = largest_of(parts)
    cuda.syncthreads()
    total = float32(0)
    k = thread
    while k < channels:
        place = uint32(first + uint32(k * inner))
        power = math.exp(x[place] - best)
        y[place] = power
        total += power
        k = uint32(k + uint32(ROW_BLOCK))
    parts[thread] = total
    cuda.syncthreads()
    total = total_of(parts)
    k = thread
    while k < channels:
        place = uint32(first + uint32(k * inner))
        y[place] = y[place] / total
        k = uint32(k + uint32(ROW_BLOCK))
    if thread == 0:
        normalisers[row] = best + math.log(total)


@cuda_kernel("f4*, f4*, f4*, u4, u4", block=ROW_BLOCK)
def softmax_backward(y, dy, dx, channels, inner):
    """dx from the probabilities y and their gradients dy. A block for each row."""
    parts = cuda.shared.array(ROW_BLOCK, float32)
    thread, row = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
    outer = uint32(row // inner)
    first = uint32(uint32(uint32(outer * channels) * inner) + uint32(row - uint32(outer * inner)))
    parts[thread] = part_of_product(dy, y, first, inner, channels, thread)
    cuda.syncthreads()
    total = total_of(parts)
    k = thread
    while k < channels:
        place = uint32(first + uint32(k * inner))
        dx[place] = (dy[place] - total) * y[place]
        k = uint32(k + uint32(ROW_BLOCK))
