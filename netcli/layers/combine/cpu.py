"""CPU kernels of what joins blobs element by element.

Eltwise: flat arrays (count,). Axpy: lanes x (G, P, C, L), scales (G, 1, C, L).
"""

from __future__ import annotations

from numba import prange

from netcli.runtime.jit import LANES, parallel_kernel


@parallel_kernel
def weighted_sum(a, a_scale, b, b_scale, y):
    """y = a_scale a + b_scale b; y may be a."""
    for i in prange(a.size):
        y[i] = a_scale * a[i] + b_scale * b[i]


@parallel_kernel
def scaled(dy, coefficient, dx):
    """dx = coefficient dy."""
    for i in prange(dy.size):
        dx[i] = coefficient * dy[i]


@parallel_kernel
def multiply(a, b, y):
    """y = a b; y may be a."""
    for i in prange(a.size):
        y[i] = a[i] * b[i]


@parallel_kernel
def larger(a, b, number, y, chosen):
    """y = max(a, b); chosen (count,) int32 becomes ``number`` where that is b. y may be a.

    Of equals a wins, but not against the first b, which has number 1.
    """
    for i in prange(a.size):
        left = a[i]
        right = b[i]
        keep = left > right or left != left or (left == right and number > 1)
        y[i] = left if keep else right
        chosen[i] = chosen[i] if keep else number


@parallel_kernel
def chosen_gradient(dy, chosen, number, dx):
    """dx = dy where ``number`` was chosen, else 0."""
    for i in prange(dy.size):
        dx[i] = dy[i] if chosen[i] == number else 0


@parallel_kernel
def scale_and_add(scale, x, added, y):
    """y = scale x + added."""
    positions, channels = x.shape[1:3]
    for task in prange(x.shape[0] * positions):
        group = task // positions
        position = task % positions
        for channel in range(channels):
            factors = scale[group, 0, channel]
            source = x[group, position, channel]
            more = added[group, position, channel]
            target = y[group, position, channel]
            for lane in range(LANES):
                target[lane] = factors[lane] * source[lane] + more[lane]


@parallel_kernel
def scale(factors, x, y):
    """y = factors x, factors (G, 1, C, L)."""
    positions, channels = x.shape[1:3]
    for task in prange(x.shape[0] * positions):
        group = task // positions
        position = task % positions
        for channel in range(channels):
            row = factors[group, 0, channel]
            source = x[group, position, channel]
            target = y[group, position, channel]
            for lane in range(LANES):
                target[lane] = row[lane] * source[lane]


@parallel_kernel
def sum_of_products(x, dy, total):
    """total (G, 1, C, L) = the sum of x dy over the positions."""
    channels = x.shape[2]
    for task in prange(x.shape[0] * channels):
        group = task // channels
        channel = task % channels
        sums = total[group, 0, channel]
        for lane in range(LANES):
            sums[lane] = 0
        for position in range(x.shape[1]):
            source = x[group, position, channel]
            gradient = dy[group, position, channel]
            for lane in range(LANES):
                sums[lane] += source[lane] * gradient[lane]
