"""CPU kernels of softmax, on arrays (groups, positions, channels, width)."""

from __future__ import annotations

import math

from numba import prange

from netcli.runtime.jit import parallel_kernel


@parallel_kernel
def softmax_forward(x, scratch, y):
    """y: probabilities over the channels of x. scratch: (groups * positions, width)."""
    groups, positions, channels, width = x.shape
    for task in prange(groups * positions):
        source = x[task // positions, task % positions]
        target = y[task // positions, task % positions]
        row = scratch[task]
        for lane in range(width):
            row[lane] = source[0, lane]
        for channel in range(1, channels):
            for lane in range(width):
                row[lane] = source[channel, lane] if source[channel, lane] > row[lane] else row[lane]
        for channel in range(channels):
            for lane in range(width):
                target[channel, lane] = math.exp(source[channel, lane] - row[lane])
        for lane in range(width):
            row[lane] = 0
        for channel in range(channels):
            for lane in range(width):
                row[lane] += target[channel, lane]
        for channel in range(channels):
            for lane in range(width):
                target[channel, lane] /= row[lane]


@parallel_kernel
def softmax_backward(y, dy, scratch, dx):
    """dx from the probabilities y and their gradients dy. scratch: (groups * positions, width)."""
    groups, positions, channels, width = y.shape
    for task in prange(groups * positions):
        probability = y[task // positions, task % positions]
        source = dy[task // positions, task % positions]
        target = dx[task // positions, task % positions]
        row = scratch[task]
        for lane in range(width):
            row[lane] = 0
        for channel in range(channels):
            for lane in range(width):
                row[lane] += source[channel, lane] * probability[channel, lane]
        for channel in range(channels):
            for lane in range(width):
                target[channel, lane] = (source[channel, lane] - row[lane]) * probability[channel, lane]
