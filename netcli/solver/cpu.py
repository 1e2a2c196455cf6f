"""CPU kernels of the update: one pass over a parameter, its gradient and its history, no temporaries.

All arrays are (count,). On entry ``gradients`` holds the sum over the passes of an iteration; on return it holds
the update, as in Caffe, and ``weights`` has lost it. ``scale`` is the clipping factor / iter_size; ``l2`` and
``l1`` are the parameter's own weight decay, one of them 0; ``rate`` is its own learning rate.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from netcli.runtime.jit import parallel_kernel
from netcli.solver import bodies
from netcli.solver.bodies import regularised

CHUNK = 1 << 14
"""Elements that are summed in one piece, so that a norm does not depend on the number of threads."""


@parallel_kernel
def sgd(weights, gradients, history, scale, l2, l1, rate, momentum):
    for i in prange(weights.size):
        gradient = regularised(gradients[i], weights[i], scale, l2, l1)
        history[i], update = bodies.sgd(gradient, history[i], rate, momentum)
        gradients[i] = update
        weights[i] -= update


@parallel_kernel
def nesterov(weights, gradients, history, scale, l2, l1, rate, momentum):
    for i in prange(weights.size):
        gradient = regularised(gradients[i], weights[i], scale, l2, l1)
        history[i], update = bodies.nesterov(gradient, history[i], rate, momentum)
        gradients[i] = update
        weights[i] -= update


@parallel_kernel
def adagrad(weights, gradients, history, scale, l2, l1, rate, delta):
    for i in prange(weights.size):
        gradient = regularised(gradients[i], weights[i], scale, l2, l1)
        history[i], update = bodies.adagrad(gradient, history[i], rate, delta)
        gradients[i] = update
        weights[i] -= update


@parallel_kernel
def rmsprop(weights, gradients, history, scale, l2, l1, rate, decay, gain, delta):
    for i in prange(weights.size):
        gradient = regularised(gradients[i], weights[i], scale, l2, l1)
        history[i], update = bodies.rmsprop(gradient, history[i], rate, decay, gain, delta)
        gradients[i] = update
        weights[i] -= update


@parallel_kernel
def adadelta(weights, gradients, squares, updates, scale, l2, l1, rate, decay, gain, delta):
    for i in prange(weights.size):
        gradient = regularised(gradients[i], weights[i], scale, l2, l1)
        squares[i], updates[i], update = bodies.adadelta(gradient, squares[i], updates[i], rate, decay, gain, delta)
        gradients[i] = update
        weights[i] -= update


@parallel_kernel
def adam(weights, gradients, means, squares, scale, l2, l1, rate, beta1, gain1, beta2, gain2, correction, delta):
    for i in prange(weights.size):
        gradient = regularised(gradients[i], weights[i], scale, l2, l1)
        means[i], squares[i], update = bodies.adam(
            gradient, means[i], squares[i], rate, beta1, gain1, beta2, gain2, correction, delta
        )
        gradients[i] = update
        weights[i] -= update


@parallel_kernel
def adamw(weights, gradients, means, squares, scale, l2, l1, rate, beta1, gain1, beta2, gain2, correction, delta):
    """What regularises a weight is taken from it beside the moments, not through them."""
    none = scale - scale
    for i in prange(weights.size):
        decay = regularised(none, weights[i], none, l2, l1)
        means[i], squares[i], update = bodies.adamw(
            scale * gradients[i], means[i], squares[i], rate, beta1, gain1, beta2, gain2, correction, delta, decay
        )
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
