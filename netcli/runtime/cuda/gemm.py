"""Products of dense matrices on the device, by netcli's own kernels.

    out (m, n) = op(a) op(b) [+ bias, one value for each column] [+ out]

All matrices are row-major. op(a) is (m, k), stored as (k, m) where it is transposed; op(b) is (k, n), stored as (n, k).
Where the result has too few tiles to keep the device busy, the depth k is split into parts with a result each, which a
second kernel adds up in order: no atomics, so that a product is the same in every run.

Arrays may have up to 2^32 elements: indices are 32 bits wide, because the device divides and multiplies those faster.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from netcli.runtime.cuda.device import current
from netcli.runtime.cuda.kernel import CudaKernel, blocks_for, cuda_kernel
from netcli.runtime.cuda.memory import DeviceArray
from netcli.runtime.cuda.tiles import PADDING, TILES, Tile, at_most, best_tile, slice_product, split_depth, splits_of
from netcli.runtime.cuda.toolkit import SIMULATED, cuda

HAS_BIAS = 1
ACCUMULATES = 2

Scratch = Callable[[str, int], DeviceArray]
"""Gives float32 memory of so many elements by a name, the same at every call."""

_SUMS, _ADDERS = (4, 2) if SIMULATED else (32, 8)
"""Sums that a block makes of the parts of a split depth, and threads for each."""
_SUMMING_THREADS = _SUMS * _ADDERS

uint32 = np.uint32
float32 = np.float32


def _dense_kernel(tile: Tile, a_transposed: bool, b_transposed: bool) -> CudaKernel:
    """The kernel for one tile and one storage of the operands.

    blocks: (tiles along n, tiles along m, parts of the depth). A part's result goes to its own (m, n) of ``out``.
    """
    threads, depth = tile.threads, tile.depth
    rows, columns, thread_rows, thread_columns = tile.rows, tile.columns, tile.thread_rows, tile.thread_columns
    vector = tile.vector
    threads_along_columns = columns // thread_columns
    row_step, column_step = rows * vector // thread_rows, columns * vector // thread_columns
    a_loads, b_loads = rows * depth // threads, columns * depth // threads
    a_shape, b_shape = (2, depth, rows + PADDING), (2, depth, columns + PADDING)
    sums_shape = (thread_rows, thread_columns)
    multiply_slice = slice_product(tile)

    def dense_product(a, b, bias, out, m, n, k, part, mode):  # type: ignore[no-untyped-def]
        a_slices = cuda.shared.array(a_shape, float32, alignment=16)
        b_slices = cuda.shared.array(b_shape, float32, alignment=16)
        sums = cuda.local.array(sums_shape, float32)
        row_values = cuda.local.array(thread_rows, float32)
        column_values = cuda.local.array(thread_columns, float32)
        a_next = cuda.local.array(a_loads, float32)
        b_next = cuda.local.array(b_loads, float32)
        thread = uint32(cuda.threadIdx.x)
        row = uint32(thread // uint32(threads_along_columns) * uint32(vector))
        column = uint32(thread % uint32(threads_along_columns) * uint32(vector))
        first_row = uint32(uint32(cuda.blockIdx.y) * uint32(rows))
        first_column = uint32(uint32(cuda.blockIdx.x) * uint32(columns))
        # What lies beyond the last row or column is a copy of the last one, which nobody stores: loads need no branch.
        last_row, last_column, last = uint32(m - uint32(1)), uint32(n - uint32(1)), uint32(k - uint32(1))
        start = uint32(uint32(cuda.blockIdx.z) * part)
        end = uint32(start + part)
        if end > k:
            end = k
        for i in range(thread_rows):
            for j in range(thread_columns):
                sums[i, j] = float32(0)
        # One round more than there are slices: each loads a slice, multiplies the one before, stores what it loaded.
        stage = uint32(0)
        at = start
        while at < uint32(end + uint32(depth)):
            if at < end:
                for load in range(a_loads):
                    if a_transposed:
                        r = at_most(uint32(first_row + thread % uint32(rows)), last_row)
                        d = uint32(at + thread // uint32(rows) + uint32(load * (threads // rows)))
                        place = uint32(uint32(at_most(d, last) * m) + r)
                    else:
                        r = uint32(first_row + thread // uint32(depth) + uint32(load * (threads // depth)))
                        d = uint32(at + thread % uint32(depth))
                        place = uint32(uint32(at_most(r, last_row) * k) + at_most(d, last))
                    value = a[place]
                    a_next[load] = value if d < end else float32(0)
                for load in range(b_loads):
                    if b_transposed:
                        c = uint32(first_column + thread // uint32(depth) + uint32(load * (threads // depth)))
                        d = uint32(at + thread % uint32(depth))
                        place = uint32(uint32(at_most(c, last_column) * k) + at_most(d, last))
                    else:
                        c = at_most(uint32(first_column + thread % uint32(columns)), last_column)
                        d = uint32(at + thread // uint32(columns) + uint32(load * (threads // columns)))
                        place = uint32(uint32(at_most(d, last) * n) + c)
                    value = b[place]
                    b_next[load] = value if d < end else float32(0)
            if at > start:
                multiply_slice(a_slices, b_slices, stage, row, column, row_values, column_values, sums)
                stage = uint32(uint32(1) - stage)
            if at < end:
                for load in range(a_loads):
                    if a_transposed:
                        d = uint32(thread // uint32(rows) + uint32(load * (threads // rows)))
                        a_slices[stage, d, thread % uint32(rows)] = a_next[load]
                    else:
                        r = uint32(thread // uint32(depth) + uint32(load * (threads // depth)))
                        a_slices[stage, thread % uint32(depth), r] = a_next[load]
                for load in range(b_loads):
                    if b_transposed:
                        c = uint32(thread // uint32(depth) + uint32(load * (threads // depth)))
                        b_slices[stage, thread % uint32(depth), c] = b_next[load]
                    else:
                        d = uint32(thread // uint32(columns) + uint32(load * (threads // columns)))
                        b_slices[stage, d, thread % uint32(columns)] = b_next[load]
            cuda.syncthreads()
            at = uint32(at + uint32(depth))
        result = uint32(uint32(cuda.blockIdx.z) * uint32(m * n))
        for j in range(thread_columns):
            c = uint32(first_column + column + uint32(j // vector * column_step + j % vector))
            if c < n:
                offset = bias[c] if mode & uint32(HAS_BIAS) else float32(0)
                for i in range(thread_rows):
                    r = uint32(first_row + row + uint32(i // vector * row_step + i % vector))
                    if r < m:
                        place = uint32(result + uint32(r * n) + c)
                        if mode & uint32(ACCUMULATES):
                            out[place] += sums[i, j] + offset
                        else:
                            out[place] = sums[i, j] + offset

    dense_product.__name__ = f"dense_{'t' if a_transposed else 'n'}{'t' if b_transposed else 'n'}_{tile.name}"
    return cuda_kernel("f4*, f4*, f4*, f4*, u4, u4, u4, u4, u4", block=threads)(dense_product)


_STORAGES = ((False, False), (False, True), (True, False))
_DENSE = {(tile, *storage): _dense_kernel(tile, *storage) for tile in TILES for storage in _STORAGES}


@cuda_kernel("f4*, f4*, f4*, u4, u4, u4, u4", block=_SUMMING_THREADS)
def add_parts(parts, bias, out, count, columns, number, mode):  # type: ignore[no-untyped-def]
    """out (count,) = the sum of ``number`` parts (number, count); mode as for products.

    A block makes some sums, each by several threads: one alone would wait for its parts one after the other.
    """
    sums = cuda.shared.array(_SUMMING_THREADS, float32)
    thread = uint32(cuda.threadIdx.x)
    adder = uint32(thread // uint32(_SUMS))
    at = uint32(uint32(uint32(cuda.blockIdx.x) * uint32(_SUMS)) + uint32(thread % uint32(_SUMS)))
    total = float32(0)
    part = adder
    while at < count and part < number:
        total += parts[uint32(uint32(part * count) + at)]
        part = uint32(part + uint32(_ADDERS))
    sums[thread] = total
    cuda.syncthreads()
    if adder == 0 and at < count:
        for other in range(1, _ADDERS):
            total += sums[uint32(thread + uint32(other * _SUMS))]
        if mode & uint32(HAS_BIAS):
            total += bias[uint32(at % columns)]
        if mode & uint32(ACCUMULATES):
            total += out[at]
        out[at] = total


def sum_of_parts(
    parts: DeviceArray, bias: DeviceArray, out: DeviceArray, count: int, columns: int, number: int, mode: int
) -> None:
    """Runs ``add_parts``."""
    add_parts(blocks_for(count, _SUMS), parts, bias, out, count, columns, number, mode)


def multiply(
    a: DeviceArray,
    b: DeviceArray,
    out: DeviceArray,
    shape: tuple[int, int, int],
    scratch: Scratch,
    *,
    a_transposed: bool = False,
    b_transposed: bool = False,
    bias: DeviceArray | None = None,
    accumulate: bool = False,
) -> None:
    """The product of the module's docstring; ``shape`` is (m, n, k). Not for both operands transposed."""
    m, n, k = shape
    tile = best_tile(m, n, 1, current().multiprocessors)
    splits = splits_of(tile, m, n, 1, k, current().multiprocessors)
    part, splits = split_depth(k, splits, tile)
    mode = (HAS_BIAS if bias is not None else 0) | (ACCUMULATES if accumulate else 0)
    target = out if splits == 1 else scratch("parts of a product", splits * m * n)
    grid = (-(-n // tile.columns), -(-m // tile.rows), splits)
    some_bias = b if bias is None else bias
    kernel = _DENSE[tile, a_transposed, b_transposed]
    kernel(grid, a, b, some_bias, target, m, n, k, part, mode if splits == 1 else 0)
    if splits > 1:
        sum_of_parts(target, some_bias, out, m * n, n, splits, mode)
