"""CPU kernels of pooling, in lanes: x (G, P, C, L), y (G, Q, C, L), and tables of ``netcli.layers.windows``.

Channels and lanes of a position are one row, along which every loop vectorises. Plain arrays come as (N C, P, 1, 1).
Backward gathers: each input position looks at the windows that hold it, so that no two tasks write to one place.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from netcli.runtime.counter_random import random_bits
from netcli.runtime.jit import LANES, kernel, parallel_kernel
from netcli.runtime.patches import largest_of_places, sum_of_places


@kernel
def largest_of_window(values, before, positions, first, end, lowest, best, where):
    """best, where (width,): the largest of each column of values over ``positions[first:end]``, and its position.

    values: rows (positions, width), of which the first is the position ``before``.
    """
    # Loops, since the assignment of whole rows takes numba two seconds to compile.
    if first == end:
        for j in range(best.size):
            best[j] = lowest
            where[j] = -1
        return
    place = positions[first]
    row = values[place - before]
    for j in range(best.size):
        best[j] = row[j]
        where[j] = place
    for i in range(first + 1, end):
        position = positions[i]
        row = values[position - before]
        for j in range(best.size):
            better = row[j] > best[j] or row[j] != row[j]
            best[j] = row[j] if better else best[j]
            where[j] = position if better else where[j]


@kernel
def gradient_of_position(gradients, choices, windows, first, end, position, total):
    """total (width,): the sum of the rows of gradients (windows, width) of ``windows[first:end]`` that chose it."""
    if first == end:
        for j in range(total.size):
            total[j] = 0
        return
    row, where = gradients[windows[first]], choices[windows[first]]
    nothing = total.dtype.type(0)
    for j in range(total.size):
        total[j] = row[j] if where[j] == position else nothing
    for i in range(first + 1, end):
        row, where = gradients[windows[i]], choices[windows[i]]
        for j in range(total.size):
            total[j] = total[j] + row[j] if where[j] == position else total[j]


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
        largest_of_window(values, 0, positions, starts[window], starts[window + 1], lowest, best, where)


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
        gradient_of_position(gradients, choices, windows, starts[position], starts[position + 1], position, total)


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


@parallel_kernel
def stochastic_forward(x, starts, positions, key, unit, y, chosen):
    """y: a value of each window, drawn with its share of the sum; chosen (G, Q, C, L) int32: its position.

    The first position at which the running sum reaches a random part of the whole is chosen. The part is made of
    24 random bits, which belong to the output's index in (image, channel, position) order; ``unit`` is 2^-24. A NaN
    in a window is its result; an empty window gives 0 and the position -1.
    """
    groups, count, channels, width = y.shape
    for task in prange(groups * count):
        group = task // count
        window = task % count
        first = starts[window]
        end = starts[window + 1]
        for channel in range(channels):
            for lane in range(width):
                total = x.dtype.type(0)
                for i in range(first, end):
                    total += x[group, positions[i], channel, lane]
                index = ((group * width + lane) * channels + channel) * count + window
                part = x.dtype.type(random_bits(key, np.uint64(index)) >> np.uint64(40)) * unit * total
                where = -1
                running = x.dtype.type(0)
                for i in range(first, end):
                    where = positions[i]
                    running += x[group, where, channel, lane]
                    if running >= part:
                        break
                chosen[group, window, channel, lane] = where
                y[group, window, channel, lane] = total
                if where >= 0 and total == total:
                    y[group, window, channel, lane] = x[group, where, channel, lane]


@parallel_kernel
def expected_forward(x, starts, positions, smallest, sums, y):
    """y: the sum of squares of each window over its sum; sums (G, Q, C, L): that sum plus ``smallest``."""
    count = y.shape[1]
    width = y.shape[2] * y.shape[3]
    for task in prange(y.shape[0] * count):
        group = task // count
        window = task % count
        values = x[group].reshape(x.shape[1], width)
        total = sums[group, window].reshape(width)
        squares = y[group, window].reshape(width)
        total[:] = smallest
        squares[:] = 0
        for i in range(starts[window], starts[window + 1]):
            row = values[positions[i]]
            for j in range(width):
                total[j] += row[j]
                squares[j] += row[j] * row[j]
        for j in range(width):
            squares[j] /= total[j]


@parallel_kernel
def expected_backward(x, y, sums, dy, starts, windows, dx):
    """dx: the sum of dy (2 x - y) / sums over the windows that hold the position."""
    count = dx.shape[1]
    width = dx.shape[2] * dx.shape[3]
    for task in prange(dx.shape[0] * count):
        group = task // count
        position = task % count
        value = x[group, position].reshape(width)
        total = dx[group, position].reshape(width)
        total[:] = 0
        for i in range(starts[position], starts[position + 1]):
            window = windows[i]
            result = y[group, window].reshape(width)
            whole = sums[group, window].reshape(width)
            gradient = dy[group, window].reshape(width)
            for j in range(width):
                total[j] += gradient[j] * (value[j] + value[j] - result[j]) / whole[j]


@parallel_kernel
def max_of_rows(x, places, lowest, y, chosen):
    """``max_forward`` of rows: x (R, P), y and chosen (R, Q).

    places: of vectors of windows, see ``inputs_by_vector``; those of the last one, where it is not full, go one by one.
    """
    length, count = x.shape[1], y.shape[1]
    taps = places.shape[1]
    values, table, results, choices = x.reshape(-1), places.reshape(-1), y.reshape(-1), chosen.reshape(-1)
    for row in prange(len(x)):
        source, target = row * length, row * count
        for first in range(0, count - LANES + 1, LANES):
            largest_of_places(values, source, table, first * taps, taps, lowest, results, choices, target + first)
        for window in range(count // LANES * LANES, count):
            best, where = lowest, -1
            for tap in range(taps):
                place = places[window // LANES, tap, window % LANES]
                if place >= 0:
                    value = values[source + place]
                    if where < 0 or value > best or value != value:
                        best, where = value, place
            results[target + window] = best
            choices[target + window] = where


@parallel_kernel
def spread_to_chosen(dy, chosen, dx):
    """``max_backward`` of rows: dy and chosen (R, Q), dx (R, P)."""
    for row in prange(len(dx)):
        dx[row] = 0
        for window in range(dy.shape[1]):
            if chosen[row, window] >= 0:
                dx[row, chosen[row, window]] += dy[row, window]


@parallel_kernel
def mean_of_rows(x, places, sizes, y):
    """``average_forward`` of rows: x (R, P), y (R, Q); places as in ``max_of_rows``."""
    length, count = x.shape[1], y.shape[1]
    taps = places.shape[1]
    values, table, results = x.reshape(-1), places.reshape(-1), y.reshape(-1)
    for row in prange(len(x)):
        source, target = row * length, row * count
        for first in range(0, count - LANES + 1, LANES):
            sum_of_places(values, source, table, first * taps, taps, results, target + first)
        for window in range(count // LANES * LANES, count):
            total = x.dtype.type(0)
            for tap in range(taps):
                place = places[window // LANES, tap, window % LANES]
                if place >= 0:
                    total += values[source + place]
            results[target + window] = total
        for window in range(count):
            results[target + window] /= sizes[window]


@parallel_kernel
def spread_means(dy, starts, positions, sizes, dx):
    """``average_backward`` of rows: dy (R, Q), dx (R, P); the table leads from windows to positions."""
    for row in prange(len(dx)):
        dx[row] = 0
        for window in range(dy.shape[1]):
            part = dy[row, window] / sizes[window]
            for i in range(starts[window], starts[window + 1]):
                dx[row, positions[i]] += part
