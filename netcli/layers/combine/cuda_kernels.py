"""CUDA kernels of what joins blobs or takes them apart: arrays are flat, (count,), one thread an element."""

from __future__ import annotations

import numpy as np

from netcli.runtime.cuda.kernel import cuda_kernel
from netcli.runtime.cuda.toolkit import cuda

_ZERO = np.float32(0)


@cuda_kernel("f4*, f4, f4*, f4, f4*, u4")
def weighted_sum(a, a_scale, b, b_scale, y, count):
    """y = a_scale a + b_scale b; y may be a."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        y[i] = a_scale * a[i] + b_scale * b[i]


@cuda_kernel("f4*, f4, f4*, u4")
def scaled(dy, coefficient, dx, count):
    """dx = coefficient dy."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        dx[i] = coefficient * dy[i]


@cuda_kernel("f4*, f4*, f4*, u4")
def multiply(a, b, y, count):
    """y = a b; y may be a."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        y[i] = a[i] * b[i]


@cuda_kernel("f4*, f4*, i4, f4*, i4*, u4")
def larger(a, b, number, y, chosen, count):
    """y = max(a, b); chosen becomes ``number`` where that is b, and 0 elsewhere where that is 1. y may be a.

    Of equals a wins, but not against the first b, which has number 1.
    """
    i = np.uint32(cuda.grid(1))
    if i < count:
        left = a[i]
        right = b[i]
        keep = left > right or left != left or (left == right and number > 1)
        y[i] = left if keep else right
        if not keep:
            chosen[i] = number
        elif number == 1:
            chosen[i] = 0


@cuda_kernel("f4*, i4*, i4, f4*, u4")
def chosen_gradient(dy, chosen, number, dx, count):
    """dx = dy where ``number`` was chosen, else 0."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        dx[i] = dy[i] if chosen[i] == number else _ZERO


@cuda_kernel("f4*, f4*, u4, u4, u4, u4")
def copy_rows(source, target, count, length, source_pitch, target_pitch):
    """Copies rows of ``length``, ``count`` elements in all, between arrays whose rows begin a pitch apart."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        row = np.uint32(i // length)
        at = np.uint32(i - np.uint32(row * length))
        target[np.uint32(np.uint32(row * target_pitch) + at)] = source[np.uint32(np.uint32(row * source_pitch) + at)]


@cuda_kernel("f4*, f4*, f4*, f4*, u4, u4")
def scale_and_add(factors, x, added, y, count, positions):
    """y = factor x + added, with one factor for each row of ``positions`` elements."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        y[i] = factors[np.uint32(i // positions)] * x[i] + added[i]


@cuda_kernel("f4*, f4*, f4*, u4, u4")
def scale_rows(factors, x, y, count, positions):
    """y = factor x, with one factor for each row of ``positions`` elements."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        y[i] = factors[np.uint32(i // positions)] * x[i]
