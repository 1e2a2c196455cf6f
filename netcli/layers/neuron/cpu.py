"""CPU kernels of the neuron layers."""

from __future__ import annotations

import numpy as np
from numba import prange

from netcli.runtime.counter_random import random_bits
from netcli.runtime.jit import parallel_kernel


@parallel_kernel
def relu_forward(x, slope, y):
    """x, y: (count,). NaN stays NaN."""
    for i in prange(x.size):
        value = x[i]
        y[i] = value if value > 0 else slope * value


@parallel_kernel
def relu_backward(x, dy, slope, dx):
    """x (or y, which has its sign), dy, dx: (count,)."""
    for i in prange(x.size):
        gradient = dy[i]
        dx[i] = gradient if x[i] > 0 else slope * gradient


@parallel_kernel
def dropout(x, key, threshold, scale, y):
    """x, y: (groups, positions, channels, width); keeps an element where its 64 random bits reach ``threshold``.

    An element's bits belong to its index in (image, channel, position) order with image = group * width + lane.
    """
    groups, positions, channels, width = x.shape
    stride = channels * positions
    for task in prange(groups * positions):
        group = task // positions
        position = task % positions
        for channel in range(channels):
            source = x[group, position, channel]
            target = y[group, position, channel]
            first = group * width * stride + channel * positions + position
            for lane in range(width):
                gain = x.dtype.type(0)
                if random_bits(key, np.uint64(first + lane * stride)) >= threshold:
                    gain = scale
                target[lane] = source[lane] * gain


@parallel_kernel
def tanh_forward(x, y):
    """x, y: (count,)."""
    for i in prange(x.size):
        y[i] = np.tanh(x[i])


@parallel_kernel
def tanh_backward(y, dy, dx):
    """y, dy, dx: (count,)."""
    for i in prange(y.size):
        dx[i] = dy[i] - dy[i] * y[i] * y[i]
