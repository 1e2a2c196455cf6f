"""CPU kernels of the neuron layers.

Arrays are flat, (count,), unless a kernel says otherwise; what happens to one number stands in ``bodies``.
Activations that nets use everywhere run on all threads; the rare ones run on one, which compiles several times faster.

LLVM vectorises a loop over two arrays only as long as they do not turn out to be one, but always one that reads and
writes the same array. So the activations that nets use everywhere have a loop of their own for work in place.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from netcli.layers.neuron import bodies
from netcli.runtime.counter_random import random_bits
from netcli.runtime.jit import LANES, kernel, parallel_kernel
from netcli.runtime.vectors import same_memory


@parallel_kernel
def relu_forward(x, slope, in_place, y):
    """x, y: (count,). ``in_place``: y is x, see the head of this module."""
    if in_place:
        for i in prange(y.size):
            y[i] = bodies.relu(y[i], slope)
    else:
        for i in prange(y.size):
            y[i] = bodies.relu(x[i], slope)


@parallel_kernel
def relu_backward(x, dy, slope, in_place, dx):
    """x (or y, which has its sign), dy, dx: (count,). ``in_place``: dx is dy."""
    if in_place:
        for i in prange(dx.size):
            dx[i] = bodies.relu_gradient(x[i], dx[i], slope)
    else:
        for i in prange(dx.size):
            dx[i] = bodies.relu_gradient(x[i], dy[i], slope)


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
    for i in prange(x.size):
        y[i] = bodies.tanh(x[i])


@parallel_kernel
def tanh_backward(y, dy, dx):
    for i in prange(y.size):
        dx[i] = bodies.tanh_gradient(y[i], dy[i])


@parallel_kernel
def sigmoid_forward(x, y):
    for i in prange(x.size):
        y[i] = bodies.sigmoid(x[i])


@parallel_kernel
def sigmoid_backward(y, dy, dx):
    for i in prange(y.size):
        dx[i] = bodies.sigmoid_gradient(y[i], dy[i])


@parallel_kernel
def swish_forward(x, beta, y):
    for i in prange(x.size):
        y[i] = bodies.swish(x[i], beta)


@parallel_kernel
def swish_backward(x, dy, beta, dx):
    for i in prange(x.size):
        dx[i] = bodies.swish_gradient(x[i], dy[i], beta)


@parallel_kernel
def elu_forward(x, alpha, y):
    for i in prange(x.size):
        y[i] = bodies.elu(x[i], alpha)


@parallel_kernel
def elu_backward(x, dy, alpha, dx):
    for i in prange(x.size):
        dx[i] = bodies.elu_gradient(x[i], dy[i], alpha)


@parallel_kernel
def clip_forward(x, low, high, y):
    for i in prange(x.size):
        y[i] = bodies.clip(x[i], low, high)


@parallel_kernel
def clip_backward(x, dy, low, high, dx):
    for i in prange(x.size):
        dx[i] = bodies.clip_gradient(x[i], dy[i], low, high)


relu6_forward = clip_forward


@parallel_kernel
def relu6_backward(y, dy, low, high, dx):
    for i in prange(y.size):
        dx[i] = bodies.relu6_gradient(y[i], dy[i], low, high)


@kernel
def absval_forward(x, y):
    for i in range(x.size):
        y[i] = bodies.absval(x[i])


@kernel
def absval_backward(x, dy, dx):
    for i in range(x.size):
        dx[i] = bodies.absval_gradient(x[i], dy[i])


@kernel
def bnll_forward(x, y):
    for i in range(x.size):
        y[i] = bodies.bnll(x[i])


@kernel
def bnll_backward(y, dy, dx):
    for i in range(y.size):
        dx[i] = bodies.bnll_gradient(y[i], dy[i])


@kernel
def exp_forward(x, inner, outer, y):
    for i in range(x.size):
        y[i] = bodies.exp(x[i], inner, outer)


@kernel
def exp_backward(y, dy, inner, outer, dx):
    for i in range(y.size):
        dx[i] = bodies.exp_gradient(y[i], dy[i], inner, outer)


@kernel
def log_forward(x, scale, shift, log_base, y):
    for i in range(x.size):
        y[i] = bodies.log(x[i], scale, shift, log_base)


@kernel
def log_backward(y, dy, scale, shift, log_base, dx):
    for i in range(y.size):
        dx[i] = bodies.log_gradient(y[i], dy[i], scale, shift, log_base)


@kernel
def power_forward(x, power, scale, shift, y):
    for i in range(x.size):
        y[i] = bodies.power(x[i], power, scale, shift)


@kernel
def power_backward(x, dy, power, scale, shift, dx):
    for i in range(x.size):
        dx[i] = bodies.power_gradient(x[i], dy[i], power, scale, shift)


@kernel
def threshold_forward(x, threshold, y):
    for i in range(x.size):
        y[i] = bodies.threshold(x[i], threshold)


@parallel_kernel
def prelu_forward(x, slopes, y):
    """x, y: (G, P, C, L); slopes: (C, L). NaN stays NaN. y may be x."""
    positions, width = x.shape[1], slopes.size
    row_slopes = slopes.reshape(-1)
    in_place = same_memory(x, y)
    for task in prange(x.shape[0] * positions):
        source = x[task // positions, task % positions].reshape(-1)
        target = y[task // positions, task % positions].reshape(-1)
        if in_place:
            for i in range(width):
                target[i] = bodies.relu(target[i], row_slopes[i])
        else:
            for i in range(width):
                target[i] = bodies.relu(source[i], row_slopes[i])


@parallel_kernel
def prelu_backward(x, dy, slopes, in_place, wanted, dx, sums, slope_gradients):
    """x, dy, dx: (G, P, C, L); writes dx if ``wanted``, and slope_gradients (C,). sums: room of (chunks, C, L).

    ``in_place``: dx is dy.

    A task owns some positions, and the chunks are added in order: the sums do not depend on the number of threads.
    """
    positions, width = x.shape[1], slopes.size
    items = x.shape[0] * positions
    zero = x.dtype.type(0)
    chunks = sums.shape[0]
    row_slopes = slopes.reshape(-1)
    for chunk in prange(chunks):
        totals = sums[chunk].reshape(-1)
        totals[:] = 0
        for item in range(items * chunk // chunks, items * (chunk + 1) // chunks):
            source = x[item // positions, item % positions].reshape(-1)
            gradients = dy[item // positions, item % positions].reshape(-1)
            target = dx[item // positions, item % positions].reshape(-1)
            for i in range(width):
                totals[i] += zero if source[i] > 0 else gradients[i] * source[i]
            if wanted and not in_place:
                for i in range(width):
                    target[i] = gradients[i]
            if wanted:
                for i in range(width):
                    target[i] = target[i] if source[i] > 0 else row_slopes[i] * target[i]
    for channel in range(x.shape[2]):
        total = zero
        for chunk in range(chunks):
            for lane in range(LANES):
                total += sums[chunk, channel, lane]
        slope_gradients[channel] = total


@parallel_kernel
def prelu_rows_forward(x, slopes, y):
    """x, y: (N, C, P), plain; slopes: (C,). NaN stays NaN. y may be x."""
    channels = x.shape[1]
    in_place = same_memory(x, y)
    for task in prange(x.shape[0] * channels):
        source, target = x[task // channels, task % channels], y[task // channels, task % channels]
        slope = slopes[task % channels]
        if in_place:
            for i in range(target.size):
                target[i] = bodies.relu(target[i], slope)
        else:
            for i in range(target.size):
                target[i] = bodies.relu(source[i], slope)


@parallel_kernel
def prelu_rows_backward(x, dy, slopes, wanted, dx, slope_gradients):
    """x, dy, dx: (N, C, P), plain; dx may be dy. Writes dx if ``wanted``, and slope_gradients (C,)."""
    zero = x.dtype.type(0)
    for channel in prange(x.shape[1]):
        total = zero
        slope = slopes[channel]
        for image in range(x.shape[0]):
            source, gradients, target = x[image, channel], dy[image, channel], dx[image, channel]
            for i in range(source.size):
                total += zero if source[i] > 0 else gradients[i] * source[i]
            if wanted:
                for i in range(source.size):
                    gradient = gradients[i]
                    target[i] = gradient if source[i] > 0 else slope * gradient
        slope_gradients[channel] = total
