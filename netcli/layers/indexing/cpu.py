"""CPU kernels that pick and place by index. Indices are (count,), whole numbers kept as floats."""

from __future__ import annotations

from numba import prange

from netcli.runtime.jit import kernel, parallel_kernel


@kernel
def first_wrong_index(indices, rows):
    """The number of the first index that is no row (NaN included), or -1."""
    for i in range(indices.size):
        if not (indices[i] > -1 and indices[i] < rows):
            return i
    return -1


@parallel_kernel
def take_rows(x, indices, y):
    """y (count, K): the rows of x (rows, K) that the indices name."""
    for i in prange(indices.size):
        source = x[int(indices[i])]
        target = y[i]
        for k in range(target.size):
            target[k] = source[k]


@parallel_kernel
def add_to_rows(bias, y):
    """y (count, K) += bias (K,)."""
    for i in prange(y.shape[0]):
        for k in range(y.shape[1]):
            y[i, k] += bias[k]


@kernel
def add_rows(dy, indices, dx):
    """dx (rows, K) += dy (count, K), each row where its index says; one after the other, as rows may repeat."""
    for i in range(indices.size):
        source = dy[i]
        target = dx[int(indices[i])]
        for k in range(source.size):
            target[k] += source[k]


@kernel
def add_at_labels(labels, bias, y):
    """y (groups, 1, channels, width) += bias at each image's label, where it is above -bias.

    Returns the number of the first label that is no channel, before anything is changed, or -1.
    """
    channels, width = y.shape[2:]
    wrong = first_wrong_index(labels, channels)
    if wrong >= 0:
        return wrong
    for i in range(labels.size):
        row = y[i // width, 0, int(labels[i])]
        if row[i % width] > -bias:
            row[i % width] += bias
    return -1
