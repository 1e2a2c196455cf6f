"""CUDA kernels of what gives values another order: arrays are flat, one thread an element of the target."""

from __future__ import annotations

import numpy as np

from netcli.runtime.cuda.kernel import cuda_kernel
from netcli.runtime.cuda.toolkit import cuda

_ZERO = np.float32(0)


@cuda_kernel("f4*, i4*, f4*, u4")
def gather(source, places, target, count):
    """target[i] = source[places[i]], 0 where the place is -1. All but the source: (count,)."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        place = places[i]
        target[i] = source[place] if place >= 0 else _ZERO


@cuda_kernel("f4*, f4*, u4, u4, u4")
def repeat_rows(x, y, count, tiles, length):
    """y (outer, tiles, length): each row of x (outer, length), ``tiles`` times."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        row = np.uint32(i // length)
        at = np.uint32(i - np.uint32(row * length))
        y[i] = x[np.uint32(np.uint32(np.uint32(row // tiles) * length) + at)]


@cuda_kernel("f4*, f4*, u4, u4, u4")
def add_tiles(dy, dx, count, tiles, length):
    """dx (outer, length) = the sum over the tiles of dy (outer, tiles, length)."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        row = np.uint32(i // length)
        at = np.uint32(np.uint32(np.uint32(row * tiles) * length) + np.uint32(i - np.uint32(row * length)))
        total = _ZERO
        for _ in range(tiles):
            total += dy[at]
            at = np.uint32(at + length)
        dx[i] = total
