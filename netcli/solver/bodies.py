"""What each rule does to one element: scalar functions that the CPU's and the GPU's kernels share.

``gradient`` is that of the regularised loss; the histories come in as they were and go out, before the update, as they
will be. See ``update_rules`` for the equations.
"""

from __future__ import annotations

import math

from netcli.runtime.jit import kernel


@kernel
def regularised(gradient, weight, scale, l2, l1):
    """The gradient of the regularised loss; the sign of 0 is 0."""
    total = scale * gradient + l2 * weight
    if weight > 0:
        total += l1
    elif weight < 0:
        total -= l1
    return total


@kernel
def sgd(gradient, history, rate, momentum):
    update = momentum * history + rate * gradient
    return update, update


@kernel
def nesterov(gradient, history, rate, momentum):
    velocity = momentum * history + rate * gradient
    return velocity, velocity + momentum * (velocity - history)


@kernel
def adagrad(gradient, history, rate, delta):
    squares = history + gradient * gradient
    return squares, rate * gradient / (math.sqrt(squares) + delta)


@kernel
def rmsprop(gradient, history, rate, decay, gain, delta):
    """``gain`` is 1 - decay."""
    squares = decay * history + gain * gradient * gradient
    return squares, rate * gradient / (math.sqrt(squares) + delta)


@kernel
def adadelta(gradient, squares, updates, rate, decay, gain, delta):
    """``squares`` and ``updates`` are the running means of both squared; ``gain`` is 1 - decay."""
    mean_square = decay * squares + gain * gradient * gradient
    update = gradient * math.sqrt((updates + delta) / (mean_square + delta))
    return mean_square, decay * updates + gain * update * update, rate * update


@kernel
def adam(gradient, means, squares, rate, beta1, gain1, beta2, gain2, correction, delta):
    """``gain1`` and ``gain2`` are 1 - beta1 and 1 - beta2; ``correction`` undoes the moments' bias."""
    mean = beta1 * means + gain1 * gradient
    mean_square = beta2 * squares + gain2 * gradient * gradient
    return mean, mean_square, rate * correction * mean / (math.sqrt(mean_square) + delta)


@kernel
def adamw(gradient, means, squares, rate, beta1, gain1, beta2, gain2, correction, delta, decay):
    """As ``adam``, of the gradient of the loss alone; ``decay`` is the gradient of the regularisation."""
    mean = beta1 * means + gain1 * gradient
    mean_square = beta2 * squares + gain2 * gradient * gradient
    return mean, mean_square, rate * (correction * mean / (math.sqrt(mean_square) + delta) + decay)
