"""CPU kernels of the update: one pass over a parameter, its gradient and its history, no temporaries.

All arrays are (count,). On entry ``gradients`` holds the sum over the passes of an iteration; on return it holds
the update, as in Caffe, and ``weights`` has lost it. ``scale`` is the clipping factor / iter_size; ``l2`` and
``l1`` are the parameter's own weight decay, one of them 0; ``rate`` is its own learning rate.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from netcli.runtime.jit import kernel, parallel_kernel

CHUNK = 1 << 14
"""Elements that are summed in one piece, so that a norm does not depend on the number of threads."""


@kernel
def regularised(gradient, weight, scale, l2, l1):
    """The gradient of the regularised loss; the sign of 0 is 0."""
    total = scale * gradient + l2 * weight
    if weight > 0:
        total += l1
    elif weight < 0:
        total -= l1
    return total


@parallel_kernel
def sgd(weights, gradients, history, scale, l2, l1, rate, momentum):
    for i in prange(weights.size):
        gradient = regularised(gradients[i], weights[i], scale, l2, l1)
        update = momentum * history[i] + rate * gradient
        history[i] = update
        gradients[i] = update
        weights[i] -= update


@parallel_kernel
def nesterov(weights, gradients, history, scale, l2, l1, rate, momentum):
    for i in prange(weights.size):
        gradient = regularised(gradients[i], weights[i], scale, l2, l1)
        before = history[i]
        velocity = momentum * before + rate * gradient
        update = velocity + momentum * (velocity - before)
        history[i] = velocity
        gradients[i] = update
        weights[i] -= update


@parallel_kernel
def adagrad(weights, gradients, history, scale, l2, l1, rate, delta):
    for i in prange(weights.size):
        gradient = regularised(gradients[i], weights[i], scale, l2, l1)
        squares = history[i] + gradient * gradient
        update = rate * gradient / (np.sqrt(squares) + delta)
        history[i] = squares
        gradients[i] = update
        weights[i] -= update


@parallel_kernel
def rmsprop(weights, gradients, history, scale, l2, l1, rate, decay, gain, delta):
    """``gain`` is 1 - decay."""
    for i in prange(weights.size):
        gradient = regularised(gradients[i], weights[i], scale, l2, l1)
        squares = decay * history[i] + gain * gradient * gradient
        update = rate * gradient / (np.sqrt(squares) + delta)
        history[i] = squares
        gradients[i] = update
        weights[i] -= update


@parallel_kernel
def adadelta(weights, gradients, squares, updates, scale, l2, l1, rate, decay, gain, delta):
    """``squares`` and ``updates`` are the running means of both squared; ``gain`` is 1 - decay."""
    for i in prange(weights.size):
        gradient = regularised(gradients[i], weights[i], scale, l2, l1)
        mean_square = decay * squares[i] + gain * gradient * gradient
        update = gradient * np.sqrt((updates[i] + delta) / (mean_square + delta))
        squares[i] = mean_square
        updates[i] = decay * updates[i] + gain * update * update
        gradients[i] = rate * update
        weights[i] -= rate * update


@parallel_kernel
def adam(weights, gradients, means, squares, scale, l2, l1, rate, beta1, gain1, beta2, gain2, correction, delta):
    """``gain1`` and ``gain2`` are 1 - beta1 and 1 - beta2; ``correction`` undoes the moments' bias."""
    for i in prange(weights.size):
        gradient = regularised(gradients[i], weights[i], scale, l2, l1)
        mean = beta1 * means[i] + gain1 * gradient
        mean_square = beta2 * squares[i] + gain2 * gradient * gradient
        update = rate * correction * mean / (np.sqrt(mean_square) + delta)
        means[i] = mean
        squares[i] = mean_square
        gradients[i] = update
        weights[i] -= update


@parallel_kernel
def adamw(weights, gradients, means, squares, scale, l2, l1, rate, beta1, gain1, beta2, gain2, correction, delta):
    """As ``adam``, but what regularises a weight is taken from it beside the moments, not through them."""
    none = scale - scale
    for i in prange(weights.size):
        gradient = scale * gradients[i]
        mean = beta1 * means[i] + gain1 * gradient
        mean_square = beta2 * squares[i] + gain2 * gradient * gradient
        decay = regularised(none, weights[i], none, l2, l1)
        update = rate * (correction * mean / (np.sqrt(mean_square) + delta) + decay)
        means[i] = mean
        squares[i] = mean_square
        gradients[i] = update
        weights[i] -= update


@parallel_kernel
def chunk_squares(values, sums):
    """Sums of squares of ``values``, CHUNK by CHUNK, into ``sums`` (chunks,) float64: a norm must not overflow."""
    for chunk in prange(sums.size):
        total = 0.0
        for i in range(chunk * CHUNK, min(values.size, (chunk + 1) * CHUNK)):
            value = np.float64(values[i])
            total += value * value
        sums[chunk] = total
