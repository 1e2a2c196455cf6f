"""One block of threads for each row: what kernels need that go along rows.

Each thread takes every ``ROW_BLOCK``-th element and puts its part into shared memory. After ``cuda.syncthreads()``
every thread adds up all parts, in the same order: there is nothing to wait for any more, the result is known to all,
and it is the same in every run. Before the parts are written again the block has to synchronise once more.
"""

from __future__ import annotations

import numpy as np

from netcli.runtime.cuda.device_function import device_function
from netcli.runtime.cuda.toolkit import SIMULATED

ROW_BLOCK = 4 if SIMULATED else 128
"""Threads of a block. Each is one of the operating system's in the simulator."""

LEAST = np.float32(-np.inf)
"""Where the search for the largest starts."""


@device_function
def part_of_product(a, b, first, step, count, thread):  # type: ignore[no-untyped-def]
    """What ``thread`` has of the product of two rows of ``count`` elements, ``step`` apart, that begin at ``first``."""
    total = np.float32(0)
    k = thread
    while k < count:
        place = np.uint32(first + np.uint32(k * step))
        total += a[place] * b[place]
        k = np.uint32(k + np.uint32(ROW_BLOCK))
    return total


@device_function
def total_of(parts):  # type: ignore[no-untyped-def]
    """The sum of ``parts`` (ROW_BLOCK,)."""
    total = parts[0]
    for index in range(1, ROW_BLOCK):
        total += parts[index]
    return total


@device_function
def largest_of(parts):  # type: ignore[no-untyped-def]
    """The largest of ``parts`` (ROW_BLOCK,); NaN counts for nothing."""
    best = LEAST
    for index in range(ROW_BLOCK):
        if parts[index] > best:
            best = parts[index]
    return best
