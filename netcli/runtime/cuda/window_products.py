"""Products of weights with sliding windows, where the windows are gathered while a tile is loaded (implicit GEMM).

Two products make up a convolution and its gradients, for any number of spatial axes, stride, padding and dilation,
because a table says which position a tap sees (-1: none), and because a convolution's gradient by its input is a sum
over windows too, those of ``netcli.layers.windows.outputs_by_tap``:

    gathered:  out[n, g m + r, p] = bias[g m + r] + sum over k of w_g[offset_k + r stride] x[n, g, c_k, table[tap_k, p]]
    weights:   dw_g[r, (c, t)] (+)= sum over n, p of dy[n, g m + r, p] x[n, g, c, table[t, p]]

Both have a kernel in tiles, and one that takes each number of the result by itself, for groups of so few rows
(depthwise convolution) that a tile would be nearly empty. ``entries`` (3, k), int32, holds offset_k, the offset of the
channel c_k in an image, and of tap_k in the table. Indices are 32 bits wide, as in ``gemm``.
"""

from __future__ import annotations

import numpy as np

from netcli.runtime.cuda.gemm import ACCUMULATES, HAS_BIAS
from netcli.runtime.cuda.kernel import CudaKernel, cuda_kernel
from netcli.runtime.cuda.tiles import PADDING, TILES, Tile, at_most, slice_product
from netcli.runtime.cuda.toolkit import SIMULATED, cuda

uint32 = np.uint32
int32 = np.int32
float32 = np.float32

DIRECT_BLOCK = 8 if SIMULATED else 128
"""Threads of a block of the kernels without tiles; a power of two."""


def _gathered_kernel(tile: Tile) -> CudaKernel:
    """blocks: (tiles along images and positions, tiles along rows, groups)."""
    threads, depth = tile.threads, tile.depth
    rows, columns, thread_rows, thread_columns = tile.rows, tile.columns, tile.thread_rows, tile.thread_columns
    vector = tile.vector
    threads_along_columns = columns // thread_columns
    row_step, column_step = rows * vector // thread_rows, columns * vector // thread_columns
    w_loads, x_loads = rows * depth // threads, columns * depth // threads
    w_shape, x_shape = (2, depth, rows + PADDING), (2, depth, columns + PADDING)
    sums_shape = (thread_rows, thread_columns)
    multiply_slice = slice_product(tile)

    def gathered_product(  # type: ignore[no-untyped-def]
        x, weights, bias, table, entries, out, m, n, k, positions, stride, w_group, x_image, x_group, mode
    ):
        w_slices = cuda.shared.array(w_shape, float32, alignment=16)
        x_slices = cuda.shared.array(x_shape, float32, alignment=16)
        sums = cuda.local.array(sums_shape, float32)
        row_values = cuda.local.array(thread_rows, float32)
        column_values = cuda.local.array(thread_columns, float32)
        w_next = cuda.local.array(w_loads, float32)
        x_next = cuda.local.array(x_loads, float32)
        places = cuda.local.array(thread_columns, uint32)
        thread = uint32(cuda.threadIdx.x)
        group = uint32(cuda.blockIdx.z)
        row = uint32(thread // uint32(threads_along_columns) * uint32(vector))
        column = uint32(thread % uint32(threads_along_columns) * uint32(vector))
        first_row = uint32(uint32(cuda.blockIdx.y) * uint32(rows))
        first_column = uint32(uint32(cuda.blockIdx.x) * uint32(columns))
        # Each thread gathers for one column only, one image and position, so that it divides but once. What lies beyond
        # the last row or column is a copy of the last one, which nobody stores: loads need no branch.
        gathered = at_most(uint32(first_column + thread % uint32(columns)), uint32(n - uint32(1)))
        image = uint32(gathered // positions)
        position = uint32(gathered - uint32(image * positions))
        image_start = uint32(uint32(image * x_image) + uint32(group * x_group))
        group_weights = uint32(group * w_group)
        last = uint32(k - uint32(1))
        for i in range(thread_rows):
            for j in range(thread_columns):
                sums[i, j] = float32(0)
        # One round more than there are slices: each loads a slice, multiplies the one before, stores what it loaded.
        stage = uint32(0)
        at = uint32(0)
        while at < uint32(k + uint32(depth)):
            if at < k:
                d = uint32(at + thread % uint32(depth))
                start = uint32(group_weights + uint32(entries[at_most(d, last)]))
                for load in range(w_loads):
                    r = uint32(first_row + thread // uint32(depth) + uint32(load * (threads // depth)))
                    value = weights[uint32(start + uint32(at_most(r, uint32(m - uint32(1))) * stride))]
                    w_next[load] = value if d < k else float32(0)
                for load in range(x_loads):
                    d = uint32(at + thread // uint32(columns) + uint32(load * (threads // columns)))
                    entry = at_most(d, last)
                    source = table[uint32(uint32(entries[uint32(uint32(k + k) + entry)]) + position)]
                    seen = uint32(source if source >= 0 else int32(0))
                    value = x[uint32(uint32(image_start + uint32(entries[uint32(k + entry)])) + seen)]
                    x_next[load] = value if source >= 0 and d < k else float32(0)
            if at > 0:
                multiply_slice(w_slices, x_slices, stage, row, column, row_values, column_values, sums)
                stage = uint32(uint32(1) - stage)
            if at < k:
                for load in range(w_loads):
                    r = uint32(thread // uint32(depth) + uint32(load * (threads // depth)))
                    w_slices[stage, thread % uint32(depth), r] = w_next[load]
                for load in range(x_loads):
                    d = uint32(thread // uint32(columns) + uint32(load * (threads // columns)))
                    x_slices[stage, d, thread % uint32(columns)] = x_next[load]
            cuda.syncthreads()
            at = uint32(at + uint32(depth))
        for j in range(thread_columns):
            c = uint32(first_column + column + uint32(j // vector * column_step + j % vector))
            image = uint32(c // positions)
            channel = uint32(uint32(image * uint32(cuda.gridDim.z) + group) * m)
            places[j] = uint32(uint32(channel * positions) + uint32(c - uint32(image * positions)))
        for i in range(thread_rows):
            r = uint32(first_row + row + uint32(i // vector * row_step + i % vector))
            if r < m:
                offset = bias[uint32(uint32(group * m) + r)] if mode & uint32(HAS_BIAS) else float32(0)
                for j in range(thread_columns):
                    c = uint32(first_column + column + uint32(j // vector * column_step + j % vector))
                    if c < n:
                        out[uint32(places[j] + uint32(r * positions))] = sums[i, j] + offset

    gathered_product.__name__ = f"gathered_product_{tile.name}"
    signature = "f4*, f4*, f4*, i4*, i4*, f4*, u4, u4, u4, u4, u4, u4, u4, u4, u4"
    return cuda_kernel(signature, block=threads)(gathered_product)


def _weights_kernel(tile: Tile) -> CudaKernel:
    """blocks: (tiles along channels and taps, tiles along rows, parts of the depth times groups)."""
    threads, depth = tile.threads, tile.depth
    rows, columns, thread_rows, thread_columns = tile.rows, tile.columns, tile.thread_rows, tile.thread_columns
    vector = tile.vector
    threads_along_columns = columns // thread_columns
    row_step, column_step = rows * vector // thread_rows, columns * vector // thread_columns
    dy_loads, x_loads = rows * depth // threads, columns * depth // threads
    dy_shape, x_shape = (2, depth, rows + PADDING), (2, depth, columns + PADDING)
    sums_shape = (thread_rows, thread_columns)
    multiply_slice = slice_product(tile)

    def window_weights(  # type: ignore[no-untyped-def]
        dy, x, table, out, m, n, k, positions, taps, groups, x_positions, x_image, x_group, part, mode
    ):
        dy_slices = cuda.shared.array(dy_shape, float32, alignment=16)
        x_slices = cuda.shared.array(x_shape, float32, alignment=16)
        sums = cuda.local.array(sums_shape, float32)
        row_values = cuda.local.array(thread_rows, float32)
        column_values = cuda.local.array(thread_columns, float32)
        dy_next = cuda.local.array(dy_loads, float32)
        x_next = cuda.local.array(x_loads, float32)
        channel_starts = cuda.local.array(x_loads, uint32)
        table_starts = cuda.local.array(x_loads, uint32)
        thread = uint32(cuda.threadIdx.x)
        group = uint32(uint32(cuda.blockIdx.z) % groups)
        row = uint32(thread // uint32(threads_along_columns) * uint32(vector))
        column = uint32(thread % uint32(threads_along_columns) * uint32(vector))
        first_row = uint32(uint32(cuda.blockIdx.y) * uint32(rows))
        first_column = uint32(uint32(cuda.blockIdx.x) * uint32(columns))
        for load in range(x_loads):
            c = uint32(first_column + thread // uint32(depth) + uint32(load * (threads // depth)))
            c = at_most(c, uint32(n - uint32(1)))
            channel = uint32(c // taps)
            channel_starts[load] = uint32(uint32(group * x_group) + uint32(channel * x_positions))
            table_starts[load] = uint32(uint32(c - uint32(channel * taps)) * positions)
        for i in range(thread_rows):
            for j in range(thread_columns):
                sums[i, j] = float32(0)
        begin = uint32(uint32(uint32(cuda.blockIdx.z) // groups) * part)
        end = uint32(begin + part)
        if end > k:
            end = k
        # One round more than there are slices: each loads a slice, multiplies the one before, stores what it loaded.
        stage = uint32(0)
        at = begin
        while at < uint32(end + uint32(depth)):
            if at < end:
                d = uint32(at + thread % uint32(depth))
                item = at_most(d, uint32(k - uint32(1)))
                image = uint32(item // positions)
                position = uint32(item - uint32(image * positions))
                dy_start = uint32(uint32(uint32(uint32(image * groups) + group) * uint32(m * positions)) + position)
                x_start = uint32(image * x_image)
                for load in range(dy_loads):
                    r = uint32(first_row + thread // uint32(depth) + uint32(load * (threads // depth)))
                    value = dy[uint32(dy_start + uint32(at_most(r, uint32(m - uint32(1))) * positions))]
                    dy_next[load] = value if d < end else float32(0)
                for load in range(x_loads):
                    source = table[uint32(table_starts[load] + position)]
                    seen = uint32(source if source >= 0 else int32(0))
                    value = x[uint32(uint32(x_start + channel_starts[load]) + seen)]
                    x_next[load] = value if source >= 0 and d < end else float32(0)
            if at > begin:
                multiply_slice(dy_slices, x_slices, stage, row, column, row_values, column_values, sums)
                stage = uint32(uint32(1) - stage)
            if at < end:
                for load in range(dy_loads):
                    r = uint32(thread // uint32(depth) + uint32(load * (threads // depth)))
                    dy_slices[stage, thread % uint32(depth), r] = dy_next[load]
                for load in range(x_loads):
                    c = uint32(thread // uint32(depth) + uint32(load * (threads // depth)))
                    x_slices[stage, thread % uint32(depth), c] = x_next[load]
            cuda.syncthreads()
            at = uint32(at + uint32(depth))
        result = uint32(uint32(cuda.blockIdx.z) * uint32(m * n))
        for i in range(thread_rows):
            r = uint32(first_row + row + uint32(i // vector * row_step + i % vector))
            for j in range(thread_columns):
                c = uint32(first_column + column + uint32(j // vector * column_step + j % vector))
                if r < m and c < n:
                    place = uint32(result + uint32(uint32(r * n) + c))
                    if mode & uint32(ACCUMULATES):
                        out[place] += sums[i, j]
                    else:
                        out[place] = sums[i, j]

    window_weights.__name__ = f"window_weights_{tile.name}"
    signature = "f4*, f4*, i4*, f4*, u4, u4, u4, u4, u4, u4, u4, u4, u4, u4, u4"
    return cuda_kernel(signature, block=threads)(window_weights)


GATHERED = {tile: _gathered_kernel(tile) for tile in TILES}
WEIGHTS = {tile: _weights_kernel(tile) for tile in TILES}


@cuda_kernel("f4*, f4*, f4*, i4*, i4*, f4*, u4, u4, u4, u4, u4, u4, u4, u4, u4, u4", block=DIRECT_BLOCK)
def gathered_directly(  # type: ignore[no-untyped-def]
    x, weights, bias, table, entries, out, m, n, k, positions, stride, w_group, x_image, x_group, groups, mode
):
    """The gathered product, one thread for each number of ``out`` (images, groups, m, positions); n of them."""
    at = uint32(cuda.grid(1))
    if at < n:
        channel = uint32(at // positions)
        position = uint32(at - uint32(channel * positions))
        image = uint32(channel // uint32(groups * m))
        channel = uint32(channel - uint32(image * uint32(groups * m)))
        group = uint32(channel // m)
        x_start = uint32(uint32(image * x_image) + uint32(group * x_group))
        w_start = uint32(uint32(group * w_group) + uint32(uint32(channel - uint32(group * m)) * stride))
        total = float32(0)
        for d in range(k):
            source = table[uint32(uint32(entries[uint32(uint32(k + k) + uint32(d))]) + position)]
            if source >= 0:
                value = x[uint32(uint32(x_start + uint32(entries[uint32(k + uint32(d))])) + uint32(source))]
                total += weights[uint32(w_start + uint32(entries[uint32(d)]))] * value
        if mode & uint32(HAS_BIAS):
            total += bias[channel]
        out[at] = total


@cuda_kernel("f4*, f4*, i4*, f4*, u4, u4, u4, u4, u4, u4, u4, u4, u4", block=DIRECT_BLOCK)
def weights_directly(  # type: ignore[no-untyped-def]
    dy, x, table, out, m, n, images, positions, taps, groups, x_positions, x_image, x_group
):
    """dw += the weights' product, one block for each number of dw (groups, m, n)."""
    sums = cuda.shared.array(DIRECT_BLOCK, float32)
    thread = uint32(cuda.threadIdx.x)
    channel = uint32(uint32(cuda.blockIdx.x) // n)
    column = uint32(uint32(cuda.blockIdx.x) - uint32(channel * n))
    x_channel = uint32(column // taps)
    table_start = uint32(uint32(column - uint32(x_channel * taps)) * positions)
    x_start = uint32(uint32(uint32(channel // m) * x_group) + uint32(x_channel * x_positions))
    total = float32(0)
    at = thread
    while at < uint32(images * positions):
        image = uint32(at // positions)
        position = uint32(at - uint32(image * positions))
        source = table[uint32(table_start + position)]
        if source >= 0:
            gradient = dy[uint32(uint32(uint32(image * uint32(groups * m)) + channel) * positions + position)]
            total += gradient * x[uint32(uint32(uint32(image * x_image) + x_start) + uint32(source))]
        at = uint32(at + uint32(DIRECT_BLOCK))
    sums[thread] = total
    cuda.syncthreads()
    width = DIRECT_BLOCK // 2
    while width > 0:
        if thread < width:
            sums[thread] += sums[thread + uint32(width)]
        cuda.syncthreads()
        width //= 2
    if thread == 0:
        out[uint32(cuda.blockIdx.x)] += sums[0]
