"""CPU kernels of inner products, beside those of a convolution whose one window is the whole input."""

from __future__ import annotations

import math

from numba import get_thread_id, prange

from netcli.layers.convolution.cpu import pack_block
from netcli.runtime.jit import LANES, kernel, parallel_kernel
from netcli.runtime.tiles import COLUMN_VECTORS, correlate_rows, multiply_tiles

_COLUMNS = COLUMN_VECTORS * LANES
_ROW_PARTS = 4
GROUPS_AT_ONCE = 8
"""Groups of rows of large weights that are read at once: their part of a column of tiles stays in the first cache."""


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
    """y (N, K) += x (N, D) times weights (K, D) transposed.

    Four rows of weights at once are four streams from memory: 1.4 times as fast as one.
    """
    images, length = x.shape
    for group in prange((len(weights) + 3) // 4):
        first = 4 * group
        for start in range(0, length, chunk):
            if first + 4 > len(weights):
                for k in range(first, len(weights)):
                    row = weights[k, start : start + chunk]
                    for image in range(images):
                        y[image, k] += _dot(x[image, start : start + chunk], row)
            else:
                a, b = weights[first, start : start + chunk], weights[first + 1, start : start + chunk]
                c, d = weights[first + 2, start : start + chunk], weights[first + 3, start : start + chunk]
                for image in range(images):
                    _add_four_dots(x[image, start : start + chunk], a, b, c, d, y[image, first : first + 4])


@kernel
def _dot(values, row):
    total = values.dtype.type(0)
    for i in range(row.size):
        total += row[i] * values[i]
    return total


@kernel
def _add_four_dots(values, a, b, c, d, sums):
    """sums (4,) += the products of ``values`` with each of four rows."""
    of_a = of_b = of_c = of_d = values.dtype.type(0)
    for i in range(values.size):
        value = values[i]
        of_a += a[i] * value
        of_b += b[i] * value
        of_c += c[i] * value
        of_d += d[i] * value
    sums[0] += of_a
    sums[1] += of_b
    sums[2] += of_c
    sums[3] += of_d


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


@parallel_kernel
def multiply_rows_in_lanes(x, weights, whole_run, one_run, pairs, bias, height, room, y):
    """y (G, 1, K, L) = bias (K,) + weights (K, C, P) times x (G, P, C, L).

    whole_run: (0, P C, 0, 0); one_run, pairs: as below. Some rows at a time are packed into ``room`` (tasks that run at
    once, P C, L), where they stay in the cache until all images have met them.
    """
    groups, positions, channels, lanes = x.shape
    outputs, length = y.shape[2], channels * positions
    blocks = (outputs + height - 1) // height
    values, rows, results = x.reshape(-1), weights.reshape(-1), y.reshape(-1)
    for block in prange(blocks):
        first = outputs * block // blocks
        count = outputs * (block + 1) // blocks - first
        panel = room[get_thread_id()].reshape(-1)
        if positions == 1:
            for channel in range(0, channels, lanes):
                start, some = first * length + channel, min(lanes, channels - channel)
                pack_block(rows, start, length, count, panel, channel * lanes, lanes, some)
        else:
            for channel in range(channels):
                for position in range(0, positions, lanes):
                    start, some = first * length + channel * positions + position, min(lanes, positions - position)
                    target = (position * channels + channel) * lanes
                    pack_block(rows, start, length, count, panel, target, channels * lanes, some)
        multiply_tiles(
            count,
            panel,
            0,
            lanes,
            values,
            0,
            length * lanes,
            lanes,
            whole_run,
            one_run,
            0,
            pairs,
            0,
            (groups + 1) // 2,
            groups - 1,
            bias,
            bias,
            0,
            first,
            results,
            0,
            results,
            first * lanes,
            outputs * lanes,
            lanes,
        )


@parallel_kernel
def combine_rows_in_lanes(dy, weights, whole_run, one_run, pairs, zeros, height, dx):
    """dx (G, P, C, L) = dy (G, 1, K, L) times weights (K, C, P), which are read down their columns.

    whole_run: (0, K, 0, 0); one_run: (0, 1); pairs: 0, 1, 2 and so on, G or one more; zeros: (height,).
    """
    groups, positions, channels, lanes = dx.shape
    outputs = dy.shape[2]
    length, step = (channels, lanes) if positions == 1 else (positions, channels * lanes)
    lines = channels * positions // length
    blocks = (length + height - 1) // height
    gradients, values, results = dy.reshape(-1), weights.reshape(-1), dx.reshape(-1)
    for task in prange(lines * blocks):
        line, block = task // blocks, task % blocks
        first = length * block // blocks
        count = length * (block + 1) // blocks - first
        multiply_tiles(
            count,
            values,
            line * length + first,
            channels * positions,
            gradients,
            0,
            outputs * lanes,
            lanes,
            whole_run,
            one_run,
            0,
            pairs,
            0,
            (groups + 1) // 2,
            groups - 1,
            zeros,
            zeros,
            0,
            0,
            results,
            0,
            results,
            line * lanes + first * step,
            positions * channels * lanes,
            step,
        )


@parallel_kernel
def outputs_side_by_side(dy, sides):
    """sides (J, N, L): the values k of dy (G, 1, K, L) in lanes, N = G L images, J = K / L rounded up.

    Where L does not divide K, the last group has the last L of them, zeros in the place of those that stand before.
    """
    outputs, lanes = dy.shape[2:]
    for group in prange(len(sides)):
        first = min(group * lanes, outputs - lanes)
        for lane in range(lanes):
            stands_before = first + lane < group * lanes
            for image in range(sides.shape[1]):
                sides[group, image, lane] = 0 if stands_before else dy[image // lanes, 0, first + lane, image % lanes]


@parallel_kernel
def combine_large_rows(sides, weights, starts, height, tasks, room, dx):
    """dx (N, D) = dy times weights (K, D), which are read along their rows; dy as in ``outputs_side_by_side``.

    starts (J,) int32: of each group of sides, in rows of lanes. A task has some of the columns and takes some rows at a
    time, copied to ``room`` (tasks that run at once, GROUPS_AT_ONCE L times their columns) with the columns of a tile
    in one piece: where they stand, a multiple of 4 KB apart perhaps, the first cache holds but few of them.
    """
    outputs, length = weights.shape
    groups, images, lanes = sides.shape
    gradients, values, results = sides.reshape(-1), weights.reshape(-1), dx.reshape(-1)
    tiles = (length + _COLUMNS - 1) // _COLUMNS
    for task in prange(tasks):
        left, right = tiles * task // tasks * _COLUMNS, min(length, tiles * (task + 1) // tasks * _COLUMNS)
        whole = (right - left) // lanes * lanes
        panel = room[get_thread_id()]
        for image in range(images):
            dx[image, left:right] = 0
        group = 0
        while group < groups:
            # The last group may stand at any row.
            count = max(1, min(GROUPS_AT_ONCE, groups - 1 - group))
            first_row, rows = min(group * lanes, outputs - lanes), count * lanes
            for row in range(rows):
                source, target = (first_row + row) * length + left, row * _COLUMNS
                for _ in range(whole // _COLUMNS):
                    for i in range(_COLUMNS):
                        panel[target + i] = values[source + i]
                    source += _COLUMNS
                    target += rows * _COLUMNS
                for i in range(whole % _COLUMNS):
                    panel[target + i] = values[source + i]
            for first in range(0, whole, _COLUMNS):
                correlate_rows(
                    images,
                    height,
                    min(COLUMN_VECTORS, (whole - first) // lanes),
                    gradients,
                    0,
                    starts,
                    group,
                    count,
                    panel,
                    first * rows,
                    lanes * _COLUMNS,
                    _COLUMNS,
                    results,
                    left + first,
                    length,
                )
            for column in range(left + whole, right):
                for image in range(images):
                    total = dx[image, column]
                    for k in range(rows):
                        total += sides[group + k // lanes, image, k % lanes] * weights[first_row + k, column]
                    dx[image, column] = total
            group += count


@parallel_kernel
def add_outer_products_in_lanes(dy, x, starts, height, gradient):
    """gradient (K, D) += dy (G, 1, K, L) times x (G L, D). starts (G,) int32: of each group of dy, in rows of lanes."""
    outputs, length = gradient.shape
    lanes = dy.shape[3]
    columns = COLUMN_VECTORS * lanes
    blocks = (length + columns - 1) // columns
    gradients, values, sums = dy.reshape(-1), x.reshape(-1), gradient.reshape(-1)
    for task in prange(_ROW_PARTS * blocks):
        first = task % blocks * columns
        part = task // blocks
        row, last_row = outputs * part // _ROW_PARTS, outputs * (part + 1) // _ROW_PARTS
        vectors = min(COLUMN_VECTORS, (length - first) // lanes)
        if vectors > 0:
            correlate_rows(
                last_row - row,
                height,
                vectors,
                gradients,
                row * lanes,
                starts,
                0,
                len(starts),
                values,
                first,
                lanes * length,
                length,
                sums,
                row * length + first,
                length,
            )
        for k in range(row, last_row):
            for column in range(first + vectors * lanes, min(length, first + columns)):
                total = gradient[k, column]
                for image in range(len(x)):
                    total += dy[image // lanes, 0, k, image % lanes] * x[image, column]
                gradient[k, column] = total
