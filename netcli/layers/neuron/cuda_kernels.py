"""CUDA kernels of the neuron layers.

Arrays are flat, (count,), unless a kernel says otherwise, one thread an element; what happens to one number stands in
``bodies``. A target may be the array that it is made from.
"""

from __future__ import annotations

import numpy as np

from netcli.layers.neuron import bodies
from netcli.runtime.counter_random import random_bits
from netcli.runtime.cuda.kernel import cuda_kernel
from netcli.runtime.cuda.rows import ROW_BLOCK, total_of
from netcli.runtime.cuda.toolkit import cuda

_WORD = np.uint64(32)


@cuda_kernel("f4*, f4*, u4, f4")
def relu_forward(x, y, count, slope):
    i = np.uint32(cuda.grid(1))
    if i < count:
        y[i] = bodies.relu(x[i], slope)


@cuda_kernel("f4*, f4*, f4*, u4, f4")
def relu_backward(x, dy, dx, count, slope):
    i = np.uint32(cuda.grid(1))
    if i < count:
        dx[i] = bodies.relu_gradient(x[i], dy[i], slope)


@cuda_kernel("f4*, f4*, u4")
def tanh_forward(x, y, count):
    i = np.uint32(cuda.grid(1))
    if i < count:
        y[i] = bodies.tanh(x[i])


@cuda_kernel("f4*, f4*, f4*, u4")
def tanh_backward(y, dy, dx, count):
    i = np.uint32(cuda.grid(1))
    if i < count:
        dx[i] = bodies.tanh_gradient(y[i], dy[i])


@cuda_kernel("f4*, f4*, u4")
def sigmoid_forward(x, y, count):
    i = np.uint32(cuda.grid(1))
    if i < count:
        y[i] = bodies.sigmoid(x[i])


@cuda_kernel("f4*, f4*, f4*, u4")
def sigmoid_backward(y, dy, dx, count):
    i = np.uint32(cuda.grid(1))
    if i < count:
        dx[i] = bodies.sigmoid_gradient(y[i], dy[i])


@cuda_kernel("f4*, f4*, u4, f4")
def swish_forward(x, y, count, beta):
    i = np.uint32(cuda.grid(1))
    if i < count:
        y[i] = bodies.swish(x[i], beta)


@cuda_kernel("f4*, f4*, f4*, u4, f4")
def swish_backward(x, dy, dx, count, beta):
    i = np.uint32(cuda.grid(1))
    if i < count:
        dx[i] = bodies.swish_gradient(x[i], dy[i], beta)


@cuda_kernel("f4*, f4*, u4, f4")
def elu_forward(x, y, count, alpha):
    i = np.uint32(cuda.grid(1))
    if i < count:
        y[i] = bodies.elu(x[i], alpha)


@cuda_kernel("f4*, f4*, f4*, u4, f4")
def elu_backward(x, dy, dx, count, alpha):
    i = np.uint32(cuda.grid(1))
    if i < count:
        dx[i] = bodies.elu_gradient(x[i], dy[i], alpha)


@cuda_kernel("f4*, f4*, u4, f4, f4")
def clip_forward(x, y, count, low, high):
    i = np.uint32(cuda.grid(1))
    if i < count:
        y[i] = bodies.clip(x[i], low, high)


@cuda_kernel("f4*, f4*, f4*, u4, f4, f4")
def clip_backward(x, dy, dx, count, low, high):
    i = np.uint32(cuda.grid(1))
    if i < count:
        dx[i] = bodies.clip_gradient(x[i], dy[i], low, high)


relu6_forward = clip_forward


@cuda_kernel("f4*, f4*, f4*, u4, f4, f4")
def relu6_backward(y, dy, dx, count, low, high):
    i = np.uint32(cuda.grid(1))
    if i < count:
        dx[i] = bodies.relu6_gradient(y[i], dy[i], low, high)


@cuda_kernel("f4*, f4*, u4")
def absval_forward(x, y, count):
    i = np.uint32(cuda.grid(1))
    if i < count:
        y[i] = bodies.absval(x[i])


@cuda_kernel("f4*, f4*, f4*, u4")
def absval_backward(x, dy, dx, count):
    i = np.uint32(cuda.grid(1))
    if i < count:
        dx[i] = bodies.absval_gradient(x[i], dy[i])


@cuda_kernel("f4*, f4*, u4")
def bnll_forward(x, y, count):
    i = np.uint32(cuda.grid(1))
    if i < count:
        y[i] = bodies.bnll(x[i])


@cuda_kernel("f4*, f4*, f4*, u4")
def bnll_backward(y, dy, dx, count):
    i = np.uint32(cuda.grid(1))
    if i < count:
        dx[i] = bodies.bnll_gradient(y[i], dy[i])


@cuda_kernel("f4*, f4*, u4, f4, f4")
def exp_forward(x, y, count, inner, outer):
    i = np.uint32(cuda.grid(1))
    if i < count:
        y[i] = bodies.exp(x[i], inner, outer)


@cuda_kernel("f4*, f4*, f4*, u4, f4, f4")
def exp_backward(y, dy, dx, count, inner, outer):
    i = np.uint32(cuda.grid(1))
    if i < count:
        dx[i] = bodies.exp_gradient(y[i], dy[i], inner, outer)


@cuda_kernel("f4*, f4*, u4, f4, f4, f4")
def log_forward(x, y, count, scale, shift, log_base):
    i = np.uint32(cuda.grid(1))
    if i < count:
        y[i] = bodies.log(x[i], scale, shift, log_base)


@cuda_kernel("f4*, f4*, f4*, u4, f4, f4, f4")
def log_backward(y, dy, dx, count, scale, shift, log_base):
    i = np.uint32(cuda.grid(1))
    if i < count:
        dx[i] = bodies.log_gradient(y[i], dy[i], scale, shift, log_base)


@cuda_kernel("f4*, f4*, u4, f4, f4, f4")
def power_forward(x, y, count, exponent, scale, shift):
    i = np.uint32(cuda.grid(1))
    if i < count:
        y[i] = bodies.power(x[i], exponent, scale, shift)


@cuda_kernel("f4*, f4*, f4*, u4, f4, f4, f4")
def power_backward(x, dy, dx, count, exponent, scale, shift):
    i = np.uint32(cuda.grid(1))
    if i < count:
        dx[i] = bodies.power_gradient(x[i], dy[i], exponent, scale, shift)


@cuda_kernel("f4*, f4*, u4, f4")
def threshold_forward(x, y, count, limit):
    i = np.uint32(cuda.grid(1))
    if i < count:
        y[i] = bodies.threshold(x[i], limit)


@cuda_kernel("f4*, f4*, u4*, u4, u4, u4, f4")
def dropout(x, y, key, count, threshold_low, threshold_high, scale):
    """Keeps an element where its 64 random bits reach the threshold. key, threshold: two words, the low one first."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        whole_key = (np.uint64(key[1]) << _WORD) | np.uint64(key[0])
        threshold = (np.uint64(threshold_high) << _WORD) | np.uint64(threshold_low)
        y[i] = scale * x[i] if random_bits(whole_key, np.uint64(i)) >= threshold else bodies.ZERO * x[i]


@cuda_kernel("f4*, f4*, f4*, f4*, i4, u4, u4, u4")
def prelu_forward(x, slopes, y, kept, keeps, count, channels, inner):
    """x, y, kept: (outer, channels, inner); slopes: (channels,). Writes ``kept``, what x was, if it ``keeps``."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        value = x[i]
        if keeps:
            kept[i] = value
        y[i] = bodies.relu(value, slopes[np.uint32(np.uint32(i // inner) % channels)])


@cuda_kernel("f4*, f4*, f4*, f4*, f4*, i4, i4, u4, u4, u4", block=ROW_BLOCK)
def prelu_backward(x, dy, slopes, dx, partial, adds, wanted, outer, channels, inner):
    """Writes dx if ``wanted``, and partial (channels, chunks): sums of dy x over the x that are not positive.

    The sums are added to what is there if it ``adds``. A block is a chunk of a channel: the grid is (channels, chunks).
    """
    parts = cuda.shared.array(ROW_BLOCK, np.float32)
    channel, chunk = np.uint32(cuda.blockIdx.x), np.uint32(cuda.blockIdx.y)
    thread, chunks = np.uint32(cuda.threadIdx.x), np.uint32(cuda.gridDim.y)
    slope = slopes[channel]
    total = bodies.ZERO
    items = np.uint32(outer * inner)
    item = np.uint32(np.uint32(chunk * np.uint32(ROW_BLOCK)) + thread)
    while item < items:
        row = np.uint32(item // inner)
        i = np.uint32(np.uint32(row * channels + channel) * inner + np.uint32(item - np.uint32(row * inner)))
        value, gradient = x[i], dy[i]
        if not value > 0:
            total += gradient * value
        if wanted:
            dx[i] = bodies.relu_gradient(value, gradient, slope)
        item = np.uint32(item + np.uint32(chunks * np.uint32(ROW_BLOCK)))
    parts[thread] = total
    cuda.syncthreads()
    if thread == 0:
        at = np.uint32(np.uint32(channel * chunks) + chunk)
        total = total_of(parts)
        partial[at] = partial[at] + total if adds else total
