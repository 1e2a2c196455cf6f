"""CUDA kernels of the normalising layers.

Arrays are (outer, channels, inner), flat, one thread an element, unless a kernel says otherwise; vectors ``mean``,
``gain`` ... have one value a channel. A target may be the array that it is made from, but for LRN's. Sums over all but
the channels are those of ``netcli.layers.cuda_sums``.
"""

from __future__ import annotations

import math

import numpy as np

from netcli.layers.normalisation.bodies import to_minus_beta
from netcli.runtime.cuda.device_function import device_function
from netcli.runtime.cuda.kernel import cuda_kernel
from netcli.runtime.cuda.toolkit import cuda

_ONE = np.float32(1)
_ZERO = np.float32(0)
_UNIT = np.uint32(1)


@cuda_kernel("f4*, f4*, f4*, i4, i4, f4*, f4*, i4, u4, u4, u4")
def scale_and_shift(x, gain, shift, scales, shifts, y, kept, keeps, count, channels, inner):
    """y = gain x + shift, without the gain unless it ``scales``, without the shift unless it ``shifts``.

    Writes ``kept``, what x was, if it ``keeps``.
    """
    i = np.uint32(cuda.grid(1))
    if i < count:
        channel = np.uint32(np.uint32(i // inner) % channels)
        value = x[i]
        if keeps:
            kept[i] = value
        if scales:
            value *= gain[channel]
        if shifts:
            value += shift[channel]
        y[i] = value


@cuda_kernel("f4*, f4*, f4*, f4*, f4, f4, f4, f4*, f4*, u4")
def batch_norm_update(mean, variance, means, variances, fraction, unbiased, eps, gain, shift, channels):
    """Adds the batch's statistics to the stored sums, and makes what ``batch_norm_coefficients`` makes."""
    channel = np.uint32(cuda.grid(1))
    if channel < channels:
        means[channel] = fraction * means[channel] + mean[channel]
        variances[channel] = fraction * variances[channel] + unbiased * variance[channel]
        gain[channel] = _ONE / math.sqrt(variance[channel] + eps)
        shift[channel] = -mean[channel] * gain[channel]


@cuda_kernel("f4*, f4", block=1)
def batch_norm_weight(weight, fraction):
    """The weight (1,) of the stored sums, one batch later. For one thread."""
    weight[0] = fraction * weight[0] + _ONE


@cuda_kernel("f4*, f4*, f4*, f4, f4*, f4*, u4")
def batch_norm_stored(means, variances, weight, eps, gain, shift, channels):
    """gain and shift such that gain x + shift = (x - mean) / sqrt(variance + eps), by the stored sums."""
    channel = np.uint32(cuda.grid(1))
    if channel < channels:
        whole = weight[0]
        share = _ZERO if whole == 0 else _ONE / whole
        gain[channel] = _ONE / math.sqrt(share * variances[channel] + eps)
        shift[channel] = -share * means[channel] * gain[channel]


@cuda_kernel("f4*, f4*, f4, i4, f4*, f4*, u4")
def deviation_coefficients(mean, variance, eps, by_deviation, gain, shift, channels):
    """gain and shift such that gain x + shift = (x - mean) / (deviation + eps), or x - mean."""
    channel = np.uint32(cuda.grid(1))
    if channel < channels:
        gain[channel] = _ONE / (math.sqrt(variance[channel]) + eps) if by_deviation else _ONE
        shift[channel] = -mean[channel] * gain[channel]


@cuda_kernel("f4*, f4*, f4*, f4*, f4*, f4*, f4*, u4, u4, u4")
def statistics_backward(x, dy, mean, gain, gradient_mean, product_mean, dx, count, channels, inner):
    """dx = gain (dy - mean of dy - gain^2 (x - mean) mean of (dy (x - mean))), for each channel."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        channel = np.uint32(np.uint32(i // inner) % channels)
        g = gain[channel]
        slope = product_mean[channel] * g * g
        dx[i] = g * (dy[i] - gradient_mean[channel] - (x[i] - mean[channel]) * slope)


@device_function
def _window_sum(x, squared, i, size, radius, step):
    """The sum of x, or of its squares, over the places within ``radius`` of i along an axis of ``size``."""
    place = np.uint32(np.uint32(i // step) % size)
    below = min(place, radius)
    count = np.uint32(below + np.uint32(min(radius, np.uint32(size - _UNIT - place))) + _UNIT)
    at = np.uint32(i - np.uint32(below * step))
    total = _ZERO
    while count > 0:
        value = x[at]
        total += value * value if squared else value
        at = np.uint32(at + step)
        count = np.uint32(count - _UNIT)
    return total


@device_function
def _square_sum(x, squared, i, height, width, radius):
    """The same over a square window of a plane, with zeros outside."""
    row = np.uint32(np.uint32(i // width) % height)
    above = min(row, radius)
    count = np.uint32(above + np.uint32(min(radius, np.uint32(height - _UNIT - row))) + _UNIT)
    at = np.uint32(i - np.uint32(above * width))
    total = _ZERO
    while count > 0:
        total += _window_sum(x, squared, at, width, radius, _UNIT)
        at = np.uint32(at + width)
        count = np.uint32(count - _UNIT)
    return total


@device_function
def _neighbour_sum(x, squared, i, within, radius, channels, height, width):
    """The sum over the channels around, or over the square window around if ``within`` one channel."""
    if within:
        return _square_sum(x, squared, i, height, width, radius)
    return _window_sum(x, squared, i, channels, radius, np.uint32(height * width))


@cuda_kernel("f4*, f4*, u4, i4, u4, u4, u4, u4, f4, f4, f4")
def lrn_forward(x, y, count, within, radius, channels, height, width, k, scale, beta):
    """x: (N, channels, height, width). y = x (k + scale times the sum of the neighbours' squares)^-beta."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        s = k + scale * _neighbour_sum(x, True, i, within, radius, channels, height, width)
        y[i] = x[i] * to_minus_beta(s, beta)


@cuda_kernel("f4*, f4*, f4*, f4*, u4, i4, u4, u4, u4, u4, f4, f4, f4, f4")
def lrn_ratio(x, dy, ratio, dx, count, within, radius, channels, height, width, k, scale, beta, factor):
    """The first part of the gradient: dx = dy s^-beta, and ratio = factor x dx / s for ``lrn_backward``."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        s = k + scale * _neighbour_sum(x, True, i, within, radius, channels, height, width)
        direct = dy[i] * to_minus_beta(s, beta)
        ratio[i] = factor * direct * x[i] / s
        dx[i] = direct


@cuda_kernel("f4*, f4*, f4*, u4, i4, u4, u4, u4, u4")
def lrn_backward(x, ratio, dx, count, within, radius, channels, height, width):
    """The second part: dx less x times the sum of the neighbours' ratios."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        dx[i] -= x[i] * _neighbour_sum(ratio, False, i, within, radius, channels, height, width)


@cuda_kernel("f4*, f4*, f4*, u4, u4, u4")
def dot_along(x, b, sums, vectors, length, positions):
    """sums (N, positions) of x b along the middle axis of x, b: (N, length, positions). One thread a vector."""
    i = np.uint32(cuda.grid(1))
    if i < vectors:
        image = np.uint32(i // positions)
        at = np.uint32(np.uint32(image * np.uint32(length * positions)) + np.uint32(i - np.uint32(image * positions)))
        total = _ZERO
        for _ in range(length):
            total += x[at] * b[at]
            at = np.uint32(at + positions)
        sums[i] = total


@cuda_kernel("f4*, f4*, f4, f4*, u4, u4, u4")
def l2_forward(x, squares, eps, y, count, length, positions):
    """y = x / sqrt(eps + sum of squares). x, y: (N, length, positions); squares: (N, positions)."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        image = np.uint32(i // np.uint32(length * positions))
        vector = np.uint32(np.uint32(image * positions) + np.uint32(i % positions))
        y[i] = x[i] / math.sqrt(eps + squares[vector])


@cuda_kernel("f4*, f4*, f4*, f4*, f4, f4*, u4, u4, u4")
def l2_backward(x, dy, squares, products, eps, dx, count, length, positions):
    """dx of ``l2_forward``, with the sums of x dy of each vector in ``products``."""
    i = np.uint32(cuda.grid(1))
    if i < count:
        image = np.uint32(i // np.uint32(length * positions))
        vector = np.uint32(np.uint32(image * positions) + np.uint32(i % positions))
        squared = eps + squares[vector]
        dx[i] = (dy[i] - x[i] * (products[vector] / squared)) / math.sqrt(squared)
