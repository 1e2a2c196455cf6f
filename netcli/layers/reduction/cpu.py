"""CPU kernels of the layers that make few values of many."""

from __future__ import annotations

from numba import prange

from netcli.runtime.jit import kernel, parallel_kernel

PLAIN_SUM, ABSOLUTE_SUM, SUM_OF_SQUARES = 0, 1, 2


@kernel
def _total(row, kind):
    total = row.dtype.type(0)
    if kind == PLAIN_SUM:
        for value in row:
            total += value
    elif kind == ABSOLUTE_SUM:
        for value in row:
            total += abs(value)
    else:
        for value in row:
            total += value * value
    return total


@parallel_kernel
def reduce_rows(x, kind, factor, y):
    """y (M,) = factor times the sum of each row of x (M, D), of its values, absolute values or squares."""
    for row in prange(x.shape[0]):
        y[row] = factor * _total(x[row], kind)


@parallel_kernel
def reduction_backward(x, dy, kind, factor, dx):
    """dx (M, D) of reduce_rows; the sign of 0 and of NaN is 0."""
    for row in prange(x.shape[0]):
        scale = factor * dy[row]
        source = x[row]
        target = dx[row]
        if kind == PLAIN_SUM:
            target[:] = scale
        elif kind == ABSOLUTE_SUM:
            for i in range(source.size):
                target[i] = scale * ((source[i] > 0) - (source[i] < 0))
        else:
            for i in range(source.size):
                target[i] = scale * (source[i] + source[i])


@parallel_kernel
def largest(x, values, indices):
    """values, indices (groups, positions, top_k, width): the largest of the channels of x, the largest first.

    x: (groups, positions, channels, width). Of equal values the later channel comes first; NaN is the largest.
    """
    groups, positions, channels, width = x.shape
    top_k = values.shape[2]
    for task in prange(groups * positions):
        source = x[task // positions, task % positions]
        best = values[task // positions, task % positions]
        where = indices[task // positions, task % positions]
        for lane in range(width):
            for channel in range(channels):
                value = source[channel, lane]
                place = min(channel, top_k)
                while place > 0 and (value >= best[place - 1, lane] or value != value):
                    if place < top_k:
                        best[place, lane] = best[place - 1, lane]
                        where[place, lane] = where[place - 1, lane]
                    place -= 1
                if place < top_k:
                    best[place, lane] = value
                    where[place, lane] = channel
