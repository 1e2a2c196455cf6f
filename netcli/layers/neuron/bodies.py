"""What the neuron layers do to one number: the scalar functions that the CPU's and the GPU's kernels share.

The numbers ``ONE`` and ``ZERO`` are float32, which leaves the type of any expression that they stand in to the others:
a literal would make a float32 expression one of float64.
"""

from __future__ import annotations

import math

import numpy as np

from netcli.runtime.jit import kernel

ZERO = np.float32(0)
ONE = np.float32(1)


@kernel
def relu(x, slope):
    """NaN stays NaN."""
    return x if x > 0 else slope * x


@kernel
def relu_gradient(x, dy, slope):
    """x may be y, which has its sign for a slope that is not negative."""
    return dy if x > 0 else slope * dy


@kernel
def sigmoid(x):
    return ONE / (ONE + math.exp(-x))


@kernel
def sigmoid_gradient(y, dy):
    return dy * y * (ONE - y)


@kernel
def tanh(x):
    return math.tanh(x)


@kernel
def tanh_gradient(y, dy):
    return dy - dy * y * y


@kernel
def swish(x, beta):
    return x / (ONE + math.exp(-beta * x))


@kernel
def swish_gradient(x, dy, beta):
    gate = ONE / (ONE + math.exp(-beta * x))
    return dy * gate * (ONE + beta * x * (ONE - gate))


@kernel
def elu(x, alpha):
    return x if x > 0 else alpha * math.expm1(x)


@kernel
def elu_gradient(x, dy, alpha):
    return dy if x > 0 else dy * alpha * math.exp(x)


@kernel
def clip(x, low, high):
    """NaN stays NaN."""
    return low if x < low else high if x > high else x


@kernel
def clip_gradient(x, dy, low, high):
    """The bounds belong to the inside."""
    return dy if low <= x <= high else ZERO


@kernel
def relu6_gradient(y, dy, low, high):
    """The bounds belong to the outside."""
    return dy if low < y < high else ZERO


@kernel
def absval(x):
    return abs(x)


@kernel
def absval_gradient(x, dy):
    return dy if x > 0 else -dy if x < 0 else ZERO


@kernel
def bnll(x):
    """log(1 + e^x), which overflows nowhere."""
    return x + math.log1p(math.exp(-x)) if x > 0 else math.log1p(math.exp(x))


@kernel
def bnll_gradient(y, dy):
    return -dy * math.expm1(-y)


@kernel
def exp(x, inner, outer):
    """outer e^(inner x)."""
    return outer * math.exp(inner * x)


@kernel
def exp_gradient(y, dy, inner, outer):
    """``outer`` stands in y already."""
    return dy * inner * y


@kernel
def log(x, scale, shift, log_base):
    """log(shift + scale x) / log_base."""
    return math.log(shift + scale * x) / log_base


@kernel
def log_gradient(y, dy, scale, shift, log_base):
    """shift + scale x is e^(log_base y)."""
    return dy * scale / log_base * math.exp(-log_base * y)


@kernel
def _power(base, exponent):
    """base^exponent, quick where it is a product."""
    if exponent == 1:
        return base
    if exponent == 2:
        return base * base
    return base**exponent


@kernel
def power(x, exponent, scale, shift):
    """(shift + scale x)^exponent."""
    return _power(shift + scale * x, exponent)


@kernel
def power_gradient(x, dy, exponent, scale, shift):
    """For an exponent and a scale other than 0."""
    return dy * exponent * scale * _power(shift + scale * x, exponent - ONE)


@kernel
def threshold(x, limit):
    return ONE if x > limit else ZERO
