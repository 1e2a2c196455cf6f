"""CPU kernels of the update: one pass over all parameters, their gradients and histories, no temporaries.

``table`` has the pieces of weights, gradients and histories, see ``netcli.runtime.pieces``. On entry gradients are the
sums over the passes of an iteration; on return the weights have lost the updates, which stand in the place of the
gradients, as in Caffe, if they are ``kept``; else 0, ``none``, does, for the next iteration to add to.
``own`` (parameters, 3) float: of each parameter the weight decay by L2 and by L1, one of them 0, and the learning rate;
``scale`` is the clipping factor / iter_size.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from netcli.runtime.jit import kernel, parallel_kernel
from netcli.runtime.piece_kernels import values_of
from netcli.solver import bodies
from netcli.solver.bodies import regularised


@kernel
def _own(own, table, piece):
    parameter = table[piece, 0]
    return own[parameter, 0], own[parameter, 1], own[parameter, 2]


@kernel
def _arrays(table, piece, like):
    """Weights, gradients and first history of a piece."""
    return values_of(table, piece, 0, like), values_of(table, piece, 1, like), values_of(table, piece, 2, like)


@parallel_kernel
def sgd(table, own, scale, momentum, kept, none):
    for piece in prange(len(table)):
        l2, l1, rate = _own(own, table, piece)
        weights, gradients, history = _arrays(table, piece, scale)
        for i in range(weights.size):
            gradient = regularised(gradients[i], weights[i], scale, l2, l1)
            history[i], update = bodies.sgd(gradient, history[i], rate, momentum)
            gradients[i] = update if kept else none
            weights[i] -= update


@parallel_kernel
def nesterov(table, own, scale, momentum, kept, none):
    for piece in prange(len(table)):
        l2, l1, rate = _own(own, table, piece)
        weights, gradients, history = _arrays(table, piece, scale)
        for i in range(weights.size):
            gradient = regularised(gradients[i], weights[i], scale, l2, l1)
            history[i], update = bodies.nesterov(gradient, history[i], rate, momentum)
            gradients[i] = update if kept else none
            weights[i] -= update


@parallel_kernel
def adagrad(table, own, scale, delta, kept, none):
    for piece in prange(len(table)):
        l2, l1, rate = _own(own, table, piece)
        weights, gradients, history = _arrays(table, piece, scale)
        for i in range(weights.size):
            gradient = regularised(gradients[i], weights[i], scale, l2, l1)
            history[i], update = bodies.adagrad(gradient, history[i], rate, delta)
            gradients[i] = update if kept else none
            weights[i] -= update


@parallel_kernel
def rmsprop(table, own, scale, decay, gain, delta, kept, none):
    for piece in prange(len(table)):
        l2, l1, rate = _own(own, table, piece)
        weights, gradients, history = _arrays(table, piece, scale)
        for i in range(weights.size):
            gradient = regularised(gradients[i], weights[i], scale, l2, l1)
            history[i], update = bodies.rmsprop(gradient, history[i], rate, decay, gain, delta)
            gradients[i] = update if kept else none
            weights[i] -= update


@parallel_kernel
def adadelta(table, own, scale, decay, gain, delta, kept, none):
    for piece in prange(len(table)):
        l2, l1, rate = _own(own, table, piece)
        weights, gradients, squares = _arrays(table, piece, scale)
        updates = values_of(table, piece, 3, scale)
        for i in range(weights.size):
            gradient = regularised(gradients[i], weights[i], scale, l2, l1)
            squares[i], updates[i], update = bodies.adadelta(gradient, squares[i], updates[i], rate, decay, gain, delta)
            gradients[i] = update if kept else none
            weights[i] -= update


@parallel_kernel
def adam(table, own, scale, beta1, gain1, beta2, gain2, correction, delta, kept, none):
    for piece in prange(len(table)):
        l2, l1, rate = _own(own, table, piece)
        weights, gradients, means = _arrays(table, piece, scale)
        squares = values_of(table, piece, 3, scale)
        for i in range(weights.size):
            gradient = regularised(gradients[i], weights[i], scale, l2, l1)
            means[i], squares[i], update = bodies.adam(
                gradient, means[i], squares[i], rate, beta1, gain1, beta2, gain2, correction, delta
            )
            gradients[i] = update if kept else none
            weights[i] -= update


@parallel_kernel
def adamw(table, own, scale, beta1, gain1, beta2, gain2, correction, delta, kept, none):
    """What regularises a weight is taken from it beside the moments, not through them."""
    for piece in prange(len(table)):
        l2, l1, rate = _own(own, table, piece)
        weights, gradients, means = _arrays(table, piece, scale)
        squares = values_of(table, piece, 3, scale)
        for i in range(weights.size):
            decay = regularised(none, weights[i], none, l2, l1)
            means[i], squares[i], update = bodies.adamw(
                scale * gradients[i], means[i], squares[i], rate, beta1, gain1, beta2, gain2, correction, delta, decay
            )
            gradients[i] = update if kept else none
            weights[i] -= update


@parallel_kernel
def sums_of_squares(table, one, sums):
    """Of the values of each piece into ``sums`` (pieces,) float64, lest a norm overflow; one: of the values' type."""
    for piece in prange(sums.size):
        values = values_of(table, piece, 0, one)
        total = 0.0
        for i in range(values.size):
            value = np.float64(values[i])
            total += value * value
        sums[piece] = total
