"""Tiles of a product: what one block of threads computes, and which size suits a product.

A block computes ``rows`` by ``columns`` of the result. It walks along the depth (the index that is summed over) in
slices of ``depth``, which it keeps in shared memory, two of them in turn: while one is multiplied, the next one is on
its way from global memory in registers. A thread computes ``thread_rows`` by ``thread_columns`` sums in registers, as
squares of side ``vector`` that lie apart, so that what it reads from shared memory are vectors of four, of which those
of neighbouring threads are neighbours: no two of them in the same bank.

In the simulator a thread costs 50 us, so that there is one tiny tile there.

Source: the scheme is that of Volkov and Demmel, "Benchmarking GPUs to tune dense linear algebra", SC 2008, with two
stages as in NVIDIA's CUTLASS.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from netcli.runtime.cuda.device_function import device_function
from netcli.runtime.cuda.toolkit import SIMULATED

PADDING = 4
"""Floats behind each row of a slice in shared memory. A row stays aligned to 16 bytes, and when a warp writes a slice
along the depth, 8 rows of 4 neighbours, it meets all 32 banks."""


@dataclass(frozen=True)
class Tile:
    """The size of a tile; all numbers are powers of two, and ``threads`` is at least ``rows`` and ``columns``.

    ``efficiency`` orders tiles for ``best_tile``: an estimate of the arithmetic rate, from how many multiplications
    there are for each number read from shared memory. Not measured.
    """

    rows: int
    columns: int
    depth: int
    thread_rows: int
    thread_columns: int
    vector: int
    efficiency: float

    @property
    def threads(self) -> int:
        """Threads of a block."""
        return (self.rows // self.thread_rows) * (self.columns // self.thread_columns)

    @property
    def name(self) -> str:
        return f"{self.rows}x{self.columns}"


TINY = Tile(8, 8, 4, 4, 2, vector=2, efficiency=1.0)
TILES: tuple[Tile, ...] = (
    (TINY,)
    if SIMULATED
    else (
        Tile(128, 128, 8, 8, 8, vector=4, efficiency=1.0),
        Tile(64, 128, 8, 8, 8, vector=4, efficiency=0.95),
        Tile(64, 64, 8, 8, 4, vector=4, efficiency=0.75),
        Tile(32, 128, 8, 4, 8, vector=4, efficiency=0.75),
        Tile(32, 32, 8, 4, 4, vector=4, efficiency=0.5),
    )
)

_KEPT_CHOICES = 4096
"""More than the products of any net."""


@functools.lru_cache(_KEPT_CHOICES)
def best_tile(rows: int, columns: int, batch: int, multiprocessors: int, tiles: tuple[Tile, ...] = TILES) -> Tile:
    """The tile with which ``batch`` results of ``rows`` by ``columns`` are expected to be ready first.

    The device is taken to be as slow as its busiest multiprocessor. A tie goes to the larger tile, which reads less.
    """

    def cost(tile: Tile) -> float:
        waves = -(-blocks(tile, rows, columns) * batch // multiprocessors)
        return waves * tile.rows * tile.columns / tile.efficiency

    return min(tiles, key=cost)


def blocks(tile: Tile, rows: int, columns: int) -> int:
    """How many tiles cover a result."""
    return -(-rows // tile.rows) * -(-columns // tile.columns)


_LEAST_SPLIT_SLICES = 16
"""A part of the depth has at least so many slices, or the sum of the parts would cost more than it saves."""


def splits_of(tile: Tile, rows: int, columns: int, batch: int, depth: int, multiprocessors: int) -> int:
    """Into how many parts the depth should be split for enough blocks to keep the device busy.

    It depends on shapes and the device alone, so that sums come out the same in every run.
    """
    wanted = 2 * multiprocessors // (blocks(tile, rows, columns) * batch)
    return max(1, min(wanted, depth // (tile.depth * _LEAST_SPLIT_SLICES)))


def split_depth(depth: int, splits: int, tile: Tile) -> tuple[int, int]:
    """(depth of a part, a multiple of the slice's; number of parts, perhaps fewer than ``splits``)."""
    slices = -(-depth // tile.depth)
    part = -(-slices // splits) * tile.depth
    return part, -(-depth // part)


@device_function
def at_most(index, most):  # type: ignore[no-untyped-def]
    """The smaller one of two indices."""
    return index if index < most else most


def slice_product(tile: Tile) -> Callable[..., None]:
    """The device function that multiplies a slice: sums (thread_rows, thread_columns) += a b.

    Its arguments: a_slices (2, depth, rows + PADDING), b_slices (2, depth, columns + PADDING), which of the two, the
    first row and column of the thread, room for a (thread_rows,) and b (thread_columns,) in registers, sums.
    """
    depth, rows, columns = tile.depth, tile.thread_rows, tile.thread_columns
    vector = tile.vector
    row_step = tile.rows * vector // rows
    column_step = tile.columns * vector // columns
    uint32 = np.uint32

    def multiply_slice(a_slices, b_slices, stage, row, column, a, b, sums):  # type: ignore[no-untyped-def]
        # Two at a time: what the loop itself costs counts beside thread_rows by thread_columns multiplications.
        k = uint32(0)
        while k < uint32(depth):
            for part in range(2):
                for i in range(rows):
                    a[i] = a_slices[stage, uint32(k + uint32(part)), row + uint32(i // vector * row_step + i % vector)]
                for j in range(columns):
                    place = column + uint32(j // vector * column_step + j % vector)
                    b[j] = b_slices[stage, uint32(k + uint32(part)), place]
                for i in range(rows):
                    for j in range(columns):
                        sums[i, j] += a[i] * b[j]
            k = uint32(k + uint32(2))

    return device_function(multiply_slice)
