"""CUDA kernels of pooling: x (planes, height, width), y (planes, rows, columns), flat, one thread an element.

A window begins at ``row * stride - pad``, perhaps outside the image. Backward gathers: each input position looks at
the windows that reach it, so that no two threads write to one place.
"""

from __future__ import annotations

import numpy as np

from netcli.runtime.counter_random import random_bits
from netcli.runtime.cuda.device_function import device_function
from netcli.runtime.cuda.kernel import cuda_kernel
from netcli.runtime.cuda.toolkit import cuda

_ZERO = np.float32(0)
_WORD = np.uint64(32)
_UNUSED_BITS = np.uint64(40)

# count, then height, width, rows, columns, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w
_GEOMETRY = "u4, i4, i4, i4, i4, i4, i4, i4, i4, i4, i4"


@device_function
def _split(i, rows, columns):
    """The element i of (planes, rows, columns) as (plane, row, column)."""
    line = np.uint32(i // np.uint32(columns))
    plane = np.uint32(line // np.uint32(rows))
    row = np.int32(line - np.uint32(plane * np.uint32(rows)))
    return plane, row, np.int32(i - np.uint32(line * np.uint32(columns)))


@device_function
def _inside(window, extent, stride, pad, size):
    """Where a window begins and ends along an axis, inside the image."""
    start = np.int32(np.int32(window * stride) - pad)
    return max(start, np.int32(0)), min(np.int32(start + extent), np.int32(size))


@device_function
def _reaching(place, extent, stride, pad, windows):
    """The first window along an axis that reaches ``place``, and the one behind the last."""
    padded = np.uint32(place + pad)
    step = np.uint32(stride)
    first = np.uint32(0)
    if padded >= np.uint32(extent):
        first = np.uint32(np.uint32(np.uint32(padded - np.uint32(extent)) // step) + np.uint32(1))
    end = np.uint32(np.uint32(padded // step) + np.uint32(1))
    return np.int32(first), np.int32(min(end, np.uint32(windows)))


@device_function
def _window_size(row, column, height, width, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w):
    """What AVE divides by: the window's size clipped to the padded image, 1 at least."""
    top = np.int32(np.int32(row * stride_h) - pad_h)
    left = np.int32(np.int32(column * stride_w) - pad_w)
    high = max(np.int32(min(np.int32(top + kernel_h), np.int32(height + pad_h)) - top), np.int32(1))
    wide = max(np.int32(min(np.int32(left + kernel_w), np.int32(width + pad_w)) - left), np.int32(1))
    return np.float32(np.int32(high * wide))


@cuda_kernel(f"f4*, f4*, i4*, f4*, i4, f4, {_GEOMETRY}")
def max_forward(
    x, y, chosen, mask, masks, lowest, count, height, width, rows, columns, kernel_h, kernel_w, stride_h, stride_w,
    pad_h, pad_w,
):  # fmt: skip
    """y: the largest value of each window; chosen: its position in the plane, the first of equals, also in ``mask``.

    A NaN in a window is its largest value. An empty window gives ``lowest`` and the position -1.
    """
    i = np.uint32(cuda.grid(1))
    if i < count:
        plane, row, column = _split(i, rows, columns)
        top, bottom = _inside(row, kernel_h, stride_h, pad_h, height)
        left, right = _inside(column, kernel_w, stride_w, pad_w, width)
        base = np.uint32(plane * np.uint32(height * width))
        best = lowest
        where = np.int32(-1)
        for h in range(top, bottom):
            for w in range(left, right):
                position = np.int32(np.int32(h * width) + w)
                value = x[np.uint32(base + np.uint32(position))]
                if where < 0 or value > best or value != value:
                    best = value
                    where = position
        y[i] = best
        chosen[i] = where
        if masks:
            mask[i] = np.float32(where)


@cuda_kernel(f"f4*, i4*, f4*, {_GEOMETRY}")
def max_backward(
    dy, chosen, dx, count, height, width, rows, columns, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w
):
    """dx: the sum of dy over the windows that chose the position."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        plane, h, w = _split(i, height, width)
        first_row, end_row = _reaching(h, kernel_h, stride_h, pad_h, rows)
        first_column, end_column = _reaching(w, kernel_w, stride_w, pad_w, columns)
        base = np.uint32(plane * np.uint32(rows * columns))
        position = np.int32(np.int32(h * width) + w)
        total = _ZERO
        for row in range(first_row, end_row):
            for column in range(first_column, end_column):
                window = np.uint32(base + np.uint32(np.int32(row * columns) + column))
                if chosen[window] == position:
                    total += dy[window]
        dx[i] = total


@cuda_kernel(f"f4*, f4*, {_GEOMETRY}")
def average_forward(x, y, count, height, width, rows, columns, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w):
    """y: the sum of each window over its size."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        plane, row, column = _split(i, rows, columns)
        top, bottom = _inside(row, kernel_h, stride_h, pad_h, height)
        left, right = _inside(column, kernel_w, stride_w, pad_w, width)
        base = np.uint32(plane * np.uint32(height * width))
        total = _ZERO
        for h in range(top, bottom):
            for w in range(left, right):
                total += x[np.uint32(base + np.uint32(np.int32(h * width) + w))]
        y[i] = total / _window_size(row, column, height, width, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w)


@cuda_kernel(f"f4*, f4*, {_GEOMETRY}")
def average_backward(dy, dx, count, height, width, rows, columns, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w):
    """dx: the sum over the windows that hold the position of dy over the window's size."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        plane, h, w = _split(i, height, width)
        first_row, end_row = _reaching(h, kernel_h, stride_h, pad_h, rows)
        first_column, end_column = _reaching(w, kernel_w, stride_w, pad_w, columns)
        base = np.uint32(plane * np.uint32(rows * columns))
        total = _ZERO
        for row in range(first_row, end_row):
            for column in range(first_column, end_column):
                size = _window_size(row, column, height, width, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w)
                total += dy[np.uint32(base + np.uint32(np.int32(row * columns) + column))] / size
        dx[i] = total


@cuda_kernel(f"f4*, f4*, i4*, u4*, f4, {_GEOMETRY}")
def drawn_forward(
    x, y, chosen, key, unit, count, height, width, rows, columns, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w
):
    """y: a value of each window, drawn with its share of the sum; chosen: its position in the plane.

    The first position at which the running sum reaches a random part of the whole is chosen. The part is made of 24
    random bits of the output's index; ``unit`` is 2^-24. key: two words, the low one first. A NaN in a window is its
    result; an empty window gives 0 and the position -1.
    """
    i = np.uint32(cuda.grid(1))
    if i < count:
        plane, row, column = _split(i, rows, columns)
        top, bottom = _inside(row, kernel_h, stride_h, pad_h, height)
        left, right = _inside(column, kernel_w, stride_w, pad_w, width)
        base = np.uint32(plane * np.uint32(height * width))
        total = _ZERO
        for h in range(top, bottom):
            for w in range(left, right):
                total += x[np.uint32(base + np.uint32(np.int32(h * width) + w))]
        whole_key = (np.uint64(key[1]) << _WORD) | np.uint64(key[0])
        part = np.float32(random_bits(whole_key, np.uint64(i)) >> _UNUSED_BITS) * unit * total
        where = np.int32(-1)
        running = _ZERO
        searching = True
        for h in range(top, bottom):
            for w in range(left, right):
                if searching:
                    where = np.int32(np.int32(h * width) + w)
                    running += x[np.uint32(base + np.uint32(where))]
                    searching = not running >= part
        chosen[i] = where
        y[i] = x[np.uint32(base + np.uint32(where))] if where >= 0 and total == total else total


@cuda_kernel(f"f4*, f4*, f4*, f4, {_GEOMETRY}")
def expected_forward(
    x, y, sums, smallest, count, height, width, rows, columns, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w
):
    """y: the sum of squares of each window over its sum; sums: that sum plus ``smallest``, like y."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        plane, row, column = _split(i, rows, columns)
        top, bottom = _inside(row, kernel_h, stride_h, pad_h, height)
        left, right = _inside(column, kernel_w, stride_w, pad_w, width)
        base = np.uint32(plane * np.uint32(height * width))
        total = smallest
        squares = _ZERO
        for h in range(top, bottom):
            for w in range(left, right):
                value = x[np.uint32(base + np.uint32(np.int32(h * width) + w))]
                total += value
                squares += value * value
        sums[i] = total
        y[i] = squares / total


@cuda_kernel(f"f4*, f4*, f4*, f4*, f4*, {_GEOMETRY}")
def expected_backward(
    x, y, sums, dy, dx, count, height, width, rows, columns, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w
):
    """dx: the sum of dy (2 x - y) / sums over the windows that hold the position."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        plane, h, w = _split(i, height, width)
        first_row, end_row = _reaching(h, kernel_h, stride_h, pad_h, rows)
        first_column, end_column = _reaching(w, kernel_w, stride_w, pad_w, columns)
        base = np.uint32(plane * np.uint32(rows * columns))
        value = x[i]
        total = _ZERO
        for row in range(first_row, end_row):
            for column in range(first_column, end_column):
                window = np.uint32(base + np.uint32(np.int32(row * columns) + column))
                total += dy[window] * (value + value - y[window]) / sums[window]
        dx[i] = total
