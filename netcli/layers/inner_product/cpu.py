"""CPU kernels of inner products, beside those of a convolution whose one window is the whole input."""

from __future__ import annotations

import math

from numba import prange

from netcli.runtime.jit import parallel_kernel


@parallel_kernel
def rescale_rows(weights, least):
    """Divides each row of weights (K, D) by the root of its squared length plus ``least``."""
    for row in prange(weights.shape[0]):
        values = weights[row]
        total = least
        for i in range(values.size):
            total += values[i] * values[i]
        length = math.sqrt(total)
        for i in range(values.size):
            values[i] /= length


@parallel_kernel
def add_products(x, weights, chunk, y):
    """y (N, K) += x (N, D) times weights (K, D) transposed."""
    images, length = x.shape
    for k in prange(len(weights)):
        for start in range(0, length, chunk):
            row = weights[k, start : start + chunk]
            for image in range(images):
                values = x[image, start : start + chunk]
                total = y[image, k]
                for i in range(row.size):
                    total += row[i] * values[i]
                y[image, k] = total


@parallel_kernel
def combine_rows(dy, weights, chunk, dx):
    """dx (N, D) = dy (N, K) times weights (K, D)."""
    images, length = dx.shape
    for part in prange((length + chunk - 1) // chunk):
        first, last = part * chunk, min(length, (part + 1) * chunk)
        for image in range(images):
            dx[image, first:last] = 0
        for k in range(len(weights)):
            row = weights[k, first:last]
            for image in range(images):
                factor, target = dy[image, k], dx[image, first:last]
                for i in range(row.size):
                    target[i] += factor * row[i]


@parallel_kernel
def add_outer_products(dy, x, chunk, gradient):
    """gradient (K, D) += dy (N, K) transposed times x (N, D)."""
    images, length = x.shape
    for k in prange(len(gradient)):
        for start in range(0, length, chunk):
            target = gradient[k, start : start + chunk]
            for image in range(images):
                factor, values = dy[image, k], x[image, start : start + chunk]
                for i in range(target.size):
                    target[i] += factor * values[i]
