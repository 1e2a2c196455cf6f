"""CUDA kernels of ``cuda_sums``: arrays are (outer, channels, inner), flat."""

from __future__ import annotations

import numpy as np

from netcli.runtime.cuda.kernel import cuda_kernel
from netcli.runtime.cuda.rows import ROW_BLOCK, total_of
from netcli.runtime.cuda.toolkit import cuda

VALUES, ABSOLUTE_VALUES, SQUARES, PRODUCTS = 0, 1, 2, 3


@cuda_kernel("i4, f4*, f4*, f4*, i4, f4*, f4, i4, u4, u4, u4", block=ROW_BLOCK)
def partial_sums(kind, a, b, centres, centred, partial, factor, adds, outer, channels, inner):
    """partial (channels, chunks): sums of a, |a|, a^2 or a b, as ``kind`` says, with a less its channel's centre.

    They are taken ``factor`` times, and added to what is there if it ``adds``. A block is a chunk of a channel: the
    grid is (channels, chunks).
    """
    channel, chunk = np.uint32(cuda.blockIdx.x), np.uint32(cuda.blockIdx.y)
    parts = cuda.shared.array(ROW_BLOCK, np.float32)
    thread, chunks = np.uint32(cuda.threadIdx.x), np.uint32(cuda.gridDim.y)
    centre = centres[channel] if centred else np.float32(0)
    total = np.float32(0)
    items = np.uint32(outer * inner)
    item = np.uint32(chunk * np.uint32(ROW_BLOCK) + thread)
    while item < items:
        row = np.uint32(item // inner)
        i = np.uint32(np.uint32(row * channels + channel) * inner + np.uint32(item - np.uint32(row * inner)))
        value = a[i] - centre
        if kind == VALUES:
            total += value
        elif kind == ABSOLUTE_VALUES:
            total += abs(value)
        elif kind == SQUARES:
            total += value * value
        else:
            total += value * b[i]
        item = np.uint32(item + np.uint32(chunks * np.uint32(ROW_BLOCK)))
    parts[thread] = total
    cuda.syncthreads()
    if thread == 0:
        at = np.uint32(np.uint32(channel * chunks) + chunk)
        total = factor * total_of(parts)
        partial[at] = partial[at] + total if adds else total


@cuda_kernel("f4*, f4*, f4*, i4, f4*, f4*, f4, i4, i4, u4, u4, u4", block=ROW_BLOCK)
def partial_gradients(
    x, dy, centres, centred, sums, products, factor, adds_sums, adds_products, outer, channels, inner
):
    """Like ``partial_sums``, two at once: sums of dy and products of dy with x less its channel's centre."""
    channel, chunk = np.uint32(cuda.blockIdx.x), np.uint32(cuda.blockIdx.y)
    parts = cuda.shared.array(ROW_BLOCK, np.float32)
    more_parts = cuda.shared.array(ROW_BLOCK, np.float32)
    thread, chunks = np.uint32(cuda.threadIdx.x), np.uint32(cuda.gridDim.y)
    centre = centres[channel] if centred else np.float32(0)
    total = np.float32(0)
    product = np.float32(0)
    items = np.uint32(outer * inner)
    item = np.uint32(chunk * np.uint32(ROW_BLOCK) + thread)
    while item < items:
        row = np.uint32(item // inner)
        i = np.uint32(np.uint32(row * channels + channel) * inner + np.uint32(item - np.uint32(row * inner)))
        gradient = dy[i]
        total += gradient
        product += gradient * (x[i] - centre)
        item = np.uint32(item + np.uint32(chunks * np.uint32(ROW_BLOCK)))
    parts[thread] = total
    more_parts[thread] = product
    cuda.syncthreads()
    if thread == 0:
        at = np.uint32(np.uint32(channel * chunks) + chunk)
        total = factor * total_of(parts)
        product = factor * total_of(more_parts)
        sums[at] = sums[at] + total if adds_sums else total
        products[at] = products[at] + product if adds_products else product


@cuda_kernel("f4*, f4*, u4, f4, i4", block=ROW_BLOCK)
def add_chunks(partial, sums, chunks, factor, adds):
    """sums (channels,) = factor times the sum of the channel's chunks; added to what is there if it ``adds``.

    A block is a channel. partial: (channels, chunks).
    """
    parts = cuda.shared.array(ROW_BLOCK, np.float32)
    channel, thread = np.uint32(cuda.blockIdx.x), np.uint32(cuda.threadIdx.x)
    total = np.float32(0)
    chunk = thread
    while chunk < chunks:
        total += partial[np.uint32(np.uint32(channel * chunks) + chunk)]
        chunk = np.uint32(chunk + np.uint32(ROW_BLOCK))
    parts[thread] = total
    cuda.syncthreads()
    if thread == 0:
        total = factor * total_of(parts)
        sums[channel] = sums[channel] + total if adds else total
