"""CPU kernel of resampling, in lanes: x (G, P, C, L), y (G, Q, C, L)."""

from __future__ import annotations

from numba import prange

from netcli.runtime.jit import parallel_kernel


@parallel_kernel
def weighted_sums(x, starts, positions, weights, y):
    """y: for each output position, the sum of the weights times the input positions of its row of the table."""
    count = y.shape[1]
    width = y.shape[2] * y.shape[3]
    for task in prange(y.shape[0] * count):
        group = task // count
        output = task % count
        values = x[group].reshape(x.shape[1], width)
        total = y[group, output].reshape(width)
        total[:] = 0
        for i in range(starts[output], starts[output + 1]):
            row = values[positions[i]]
            weight = weights[i]
            for j in range(width):
                total[j] += weight * row[j]
