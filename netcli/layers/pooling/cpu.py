"""CPU kernels of pooling, in lanes: x (G, P, C, L), y (G, Q, C, L), and tables of ``netcli.layers.windows``.

Channels and lanes of a position are one row, along which every loop vectorises. Backward gathers: each input
position looks at the windows that hold it, so that no two tasks write to one place.
"""

from __future__ import annotations

from numba import prange

from netcli.runtime.jit import parallel_kernel


@parallel_kernel
def max_forward(x, starts, positions, lowest, y, chosen):
    """y: the largest value of each window; chosen (G, Q, C, L) int32: its position, the first of equals.

    A NaN in a window is its largest value. An empty window gives ``lowest`` and the position -1.
    """
    count = y.shape[1]
    width = y.shape[2] * y.shape[3]
    for task in prange(y.shape[0] * count):
        group = task // count
        window = task % count
        values = x[group].reshape(x.shape[1], width)
        best = y[group, window].reshape(width)
        where = chosen[group, window].reshape(width)
        first = starts[window]
        end = starts[window + 1]
        if first == end:
            best[:] = lowest
            where[:] = -1
            continue
        best[:] = values[positions[first]]
        where[:] = positions[first]
        for i in range(first + 1, end):
            position = positions[i]
            row = values[position]
            for j in range(width):
                better = row[j] > best[j] or row[j] != row[j]
                best[j] = row[j] if better else best[j]
                where[j] = position if better else where[j]


@parallel_kernel
def max_backward(dy, chosen, starts, windows, dx):
    """dx: the sum of dy over the windows that chose the position."""
    count = dx.shape[1]
    width = dx.shape[2] * dx.shape[3]
    for task in prange(dx.shape[0] * count):
        group = task // count
        position = task % count
        gradients = dy[group].reshape(dy.shape[1], width)
        choices = chosen[group].reshape(dy.shape[1], width)
        total = dx[group, position].reshape(width)
        total[:] = 0
        for i in range(starts[position], starts[position + 1]):
            row = gradients[windows[i]]
            where = choices[windows[i]]
            for j in range(width):
                total[j] = total[j] + row[j] if where[j] == position else total[j]


@parallel_kernel
def average_forward(x, starts, positions, sizes, y):
    """y: the sum of each window over its size (Q,)."""
    count = y.shape[1]
    width = y.shape[2] * y.shape[3]
    for task in prange(y.shape[0] * count):
        group = task // count
        window = task % count
        values = x[group].reshape(x.shape[1], width)
        total = y[group, window].reshape(width)
        size = sizes[window]
        total[:] = 0
        for i in range(starts[window], starts[window + 1]):
            row = values[positions[i]]
            for j in range(width):
                total[j] += row[j]
        for j in range(width):
            total[j] /= size


@parallel_kernel
def average_backward(dy, starts, windows, sizes, dx):
    """dx: the sum over the windows that hold the position of dy over the window's size (Q,)."""
    count = dx.shape[1]
    width = dx.shape[2] * dx.shape[3]
    for task in prange(dx.shape[0] * count):
        group = task // count
        position = task % count
        gradients = dy[group].reshape(dy.shape[1], width)
        total = dx[group, position].reshape(width)
        total[:] = 0
        for i in range(starts[position], starts[position + 1]):
            row = gradients[windows[i]]
            size = sizes[windows[i]]
            for j in range(width):
                total[j] += row[j] / size
