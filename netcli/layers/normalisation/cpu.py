"""CPU kernels of the normalising layers.

``x``, ``y`` and their gradients are arrays (groups, positions, channels, width) unless said otherwise; vectors
``mean``, ``gain`` ... have one value a channel. ``images`` is the number of lanes in use over all groups: what
stands in the padding lanes behind them is left out of sums over values, while gradients are zero there.

A sum over everything but the channels is made in two steps: CHUNKS ranges of rows (a row is a position of a
group) each into a row of ``partial``, then the rows of ``partial`` in order, so that the result does not depend
on the number of threads.
"""

from __future__ import annotations

import math

from numba import prange

from netcli.layers.normalisation.bodies import to_minus_beta
from netcli.runtime.jit import kernel, parallel_kernel
from netcli.runtime.vectors import same_memory

CHUNKS = 32


@kernel
def _add_up(partial, sums):
    """sums (channels,): those of the chunks, partial (CHUNKS, channels)."""
    for channel in range(sums.size):
        sums[channel] = 0
    for chunk in range(CHUNKS):
        for channel in range(sums.size):
            sums[channel] += partial[chunk, channel]


@parallel_kernel
def channel_sums(x, images, partial, sums):
    """sums (channels,) of x. partial: (CHUNKS, channels)."""
    _, positions, channels, width = x.shape
    rows = x.shape[0] * positions
    for chunk in prange(CHUNKS):
        own = partial[chunk]
        for channel in range(channels):
            own[channel] = 0
        for row in range(chunk * rows // CHUNKS, (chunk + 1) * rows // CHUNKS):
            group = row // positions
            source = x[group, row % positions]
            valid = min(width, images - group * width)
            for channel in range(channels):
                total = x.dtype.type(0)
                for lane in range(valid):
                    total += source[channel, lane]
                own[channel] += total
    _add_up(partial, sums)


@parallel_kernel
def channel_squares(x, mean, images, partial, sums):
    """sums (channels,) of (x - mean)^2. partial: (CHUNKS, channels)."""
    _, positions, channels, width = x.shape
    rows = x.shape[0] * positions
    for chunk in prange(CHUNKS):
        own = partial[chunk]
        for channel in range(channels):
            own[channel] = 0
        for row in range(chunk * rows // CHUNKS, (chunk + 1) * rows // CHUNKS):
            group = row // positions
            source = x[group, row % positions]
            valid = min(width, images - group * width)
            for channel in range(channels):
                total = x.dtype.type(0)
                for lane in range(valid):
                    deviation = source[channel, lane] - mean[channel]
                    total += deviation * deviation
                own[channel] += total
    _add_up(partial, sums)


@parallel_kernel
def channel_gradients(dy, x, mean, partial, sums, products):
    """sums and products (channels,) of dy and dy (x - mean). partial: (2, CHUNKS, channels)."""
    _, positions, channels, width = dy.shape
    rows = dy.shape[0] * positions
    for chunk in prange(CHUNKS):
        own_sums = partial[0, chunk]
        own_products = partial[1, chunk]
        for channel in range(channels):
            own_sums[channel] = 0
            own_products[channel] = 0
        for row in range(chunk * rows // CHUNKS, (chunk + 1) * rows // CHUNKS):
            gradient = dy[row // positions, row % positions]
            source = x[row // positions, row % positions]
            for channel in range(channels):
                total = dy.dtype.type(0)
                product = dy.dtype.type(0)
                for lane in range(width):
                    total += gradient[channel, lane]
                    product += gradient[channel, lane] * (source[channel, lane] - mean[channel])
                own_sums[channel] += total
                own_products[channel] += product
    _add_up(partial[0], sums)
    _add_up(partial[1], products)


@parallel_kernel
def scale_and_shift(x, gain, shift, y):
    """y = gain x + shift, channel by channel. y may be x."""
    groups, positions, channels, width = x.shape
    in_place = same_memory(x, y)
    # One image that stands plain is one row: there the channels are what threads can share.
    parts = min(channels, max(1, CHUNKS // (groups * positions)))
    for task in prange(groups * positions * parts):
        row, part = task // parts, task % parts
        source = x[row // positions, row % positions]
        target = y[row // positions, row % positions]
        for channel in range(channels * part // parts, channels * (part + 1) // parts):
            g = gain[channel]
            offset = shift[channel]
            if in_place:
                for lane in range(width):
                    target[channel, lane] = g * target[channel, lane] + offset
            else:
                for lane in range(width):
                    target[channel, lane] = g * source[channel, lane] + offset


@kernel
def batch_norm_coefficients(mean, variance, eps, gain, shift):
    """gain and shift (channels,) such that gain x + shift = (x - mean) / sqrt(variance + eps)."""
    for channel in range(mean.size):
        gain[channel] = 1 / math.sqrt(variance[channel] + eps)
        shift[channel] = -mean[channel] * gain[channel]


@parallel_kernel
def batch_norm_backward(x, dy, mean, gain, sums, products, images, count, dx):
    """dx from the sums and products of ``channel_gradients``; 0 in the padding lanes. dx may be dy.

    count: values a channel, as a real number.
    """
    groups, positions, channels, width = dy.shape
    for row in prange(groups * positions):
        group = row // positions
        source = x[group, row % positions]
        gradient = dy[group, row % positions]
        target = dx[group, row % positions]
        valid = min(width, images - group * width)
        for channel in range(channels):
            g = gain[channel]
            offset = sums[channel] / count
            slope = products[channel] * g * g / count
            centre = mean[channel]
            for lane in range(valid):
                target[channel, lane] = g * (
                    gradient[channel, lane] - offset - (source[channel, lane] - centre) * slope
                )
            for lane in range(valid, width):
                target[channel, lane] = 0


@kernel
def _across_scale(source, radius, k, scale, target):
    """target[c] = k + scale sum of source^2 over the channels within ``radius`` of c. Both: (channels, width)."""
    channels, width = source.shape
    for channel in range(channels):
        for lane in range(width):
            target[channel, lane] = k
        for other in range(max(0, channel - radius), min(channels, channel + radius + 1)):
            for lane in range(width):
                target[channel, lane] += scale * source[other, lane] * source[other, lane]


@parallel_kernel
def lrn_across_forward(x, radius, k, scale, beta, images, y):
    """y = x (k + scale sum of x^2 over the channels within ``radius``)^-beta; 0 in the padding lanes."""
    groups, positions, channels, width = x.shape
    for row in prange(groups * positions):
        group = row // positions
        source = x[group, row % positions]
        target = y[group, row % positions]
        _across_scale(source, radius, k, scale, target)
        valid = min(width, images - group * width)
        for channel in range(channels):
            for lane in range(valid):
                target[channel, lane] = source[channel, lane] * to_minus_beta(target[channel, lane], beta)
            for lane in range(valid, width):
                target[channel, lane] = 0


@parallel_kernel
def lrn_across_backward(x, dy, radius, k, scale, beta, factor, images, ratio, dx):
    """dx of ``lrn_across_forward``; 0 in the padding lanes.

    factor: 2 scale beta. ratio: scratch (CHUNKS, channels, width).
    """
    _, positions, channels, width = x.shape
    rows = x.shape[0] * positions
    for chunk in prange(CHUNKS):
        own = ratio[chunk]
        for row in range(chunk * rows // CHUNKS, (chunk + 1) * rows // CHUNKS):
            group = row // positions
            source = x[group, row % positions]
            gradient = dy[group, row % positions]
            target = dx[group, row % positions]
            _across_scale(source, radius, k, scale, target)
            for channel in range(channels):
                for lane in range(width):
                    s = target[channel, lane]
                    direct = gradient[channel, lane] * to_minus_beta(s, beta)
                    own[channel, lane] = factor * direct * source[channel, lane] / s
                    target[channel, lane] = direct
            valid = min(width, images - group * width)
            for channel in range(channels):
                for other in range(max(0, channel - radius), min(channels, channel + radius + 1)):
                    for lane in range(width):
                        target[channel, lane] -= source[channel, lane] * own[other, lane]
                for lane in range(valid, width):
                    target[channel, lane] = 0


@kernel
def _row_sums(source, step, radius, squared, target):
    """target[i] = sum of source[i + d step], or of its square, for |d| <= radius inside the row. Both: (span,)."""
    span = source.size
    for i in range(span):
        target[i] = 0
    for distance in range(-radius, radius + 1):
        offset = distance * step
        for i in range(max(0, -offset), min(span, span - offset)):
            value = source[i + offset]
            target[i] += value * value if squared else value


@parallel_kernel
def lrn_within_forward(x, step, radius, scale, beta, row_sums, y):
    """y = x (1 + scale sum of x^2 over a square window of the same channel)^-beta.

    x, y, row_sums (scratch): (planes, height, span); a step to the next column is ``step`` values of the span.
    """
    planes, height, span = x.shape
    for task in prange(planes * height):
        _row_sums(x[task // height, task % height], step, radius, True, row_sums[task // height, task % height])
    for task in prange(planes * height):
        plane = task // height
        row = task % height
        source = x[plane, row]
        target = y[plane, row]
        for i in range(span):
            target[i] = 1
        for other in range(max(0, row - radius), min(height, row + radius + 1)):
            for i in range(span):
                target[i] += scale * row_sums[plane, other, i]
        for i in range(span):
            target[i] = source[i] * to_minus_beta(target[i], beta)


@parallel_kernel
def lrn_within_backward(x, dy, step, radius, scale, beta, factor, row_sums, ratio, dx):
    """dx of ``lrn_within_forward``. factor: 2 scale beta. row_sums and ratio are scratch of x's shape."""
    planes, height, span = x.shape
    for task in prange(planes * height):
        _row_sums(x[task // height, task % height], step, radius, True, row_sums[task // height, task % height])
    for task in prange(planes * height):
        plane = task // height
        row = task % height
        target = dx[plane, row]
        for i in range(span):
            target[i] = 1
        for other in range(max(0, row - radius), min(height, row + radius + 1)):
            for i in range(span):
                target[i] += scale * row_sums[plane, other, i]
        for i in range(span):
            s = target[i]
            direct = dy[plane, row, i] * to_minus_beta(s, beta)
            ratio[plane, row, i] = factor * direct * x[plane, row, i] / s
            target[i] = direct
    for task in prange(planes * height):
        _row_sums(ratio[task // height, task % height], step, radius, False, row_sums[task // height, task % height])
    for task in prange(planes * height):
        plane = task // height
        row = task % height
        for other in range(max(0, row - radius), min(height, row + radius + 1)):
            for i in range(span):
                dx[plane, row, i] -= x[plane, row, i] * row_sums[plane, other, i]


@parallel_kernel
def mvn_forward(x, eps, by_deviation, mean, divisor, y):
    """y = (x - mean) / (deviation + eps) row by row, or x - mean. x, y: (rows, count); mean, divisor: (rows,)."""
    rows, count = x.shape
    for row in prange(rows):
        source = x[row]
        target = y[row]
        total = x.dtype.type(0)
        for i in range(count):
            total += source[i]
        mean[row] = total / count
        centre = mean[row]
        squares = x.dtype.type(0)
        for i in range(count):
            deviation = source[i] - centre
            squares += deviation * deviation
        divisor[row] = 1
        if by_deviation:
            divisor[row] = math.sqrt(squares / count) + eps
        inverse = x.dtype.type(1) / divisor[row]
        for i in range(count):
            target[i] = (source[i] - centre) * inverse


@parallel_kernel
def mvn_backward(x, dy, by_deviation, mean, divisor, dx):
    """dx = (dy - mean of dy - y mean of (y dy)) / divisor, or dy - mean of dy. dx may be dy."""
    rows, count = x.shape
    for row in prange(rows):
        source = x[row]
        gradient = dy[row]
        target = dx[row]
        centre = mean[row]
        inverse = x.dtype.type(1) / divisor[row]
        share = x.dtype.type(1) / x.dtype.type(count)
        total = x.dtype.type(0)
        product = x.dtype.type(0)
        for i in range(count):
            total += gradient[i]
            product += gradient[i] * (source[i] - centre)
        offset = total * share
        slope = x.dtype.type(0)
        if by_deviation:
            slope = product * inverse * inverse * share
        for i in range(count):
            target[i] = (gradient[i] - offset - (source[i] - centre) * slope) * inverse


@parallel_kernel
def l2_forward(x, eps, scratch, y):
    """y = x / sqrt(eps + sum of x^2 over the channels). scratch: (groups * positions, width)."""
    groups, positions, channels, width = x.shape
    for row in prange(groups * positions):
        source = x[row // positions, row % positions]
        target = y[row // positions, row % positions]
        inverse = scratch[row]
        for lane in range(width):
            inverse[lane] = eps
        for channel in range(channels):
            for lane in range(width):
                inverse[lane] += source[channel, lane] * source[channel, lane]
        for lane in range(width):
            inverse[lane] = 1 / math.sqrt(inverse[lane])
        for channel in range(channels):
            for lane in range(width):
                target[channel, lane] = source[channel, lane] * inverse[lane]


@parallel_kernel
def l2_backward(x, dy, eps, scratch, dx):
    """dx of ``l2_forward``. dx may be dy. scratch: (2, groups * positions, width)."""
    groups, positions, channels, width = x.shape
    for row in prange(groups * positions):
        source = x[row // positions, row % positions]
        gradient = dy[row // positions, row % positions]
        target = dx[row // positions, row % positions]
        squared = scratch[0, row]
        along = scratch[1, row]
        for lane in range(width):
            squared[lane] = eps
            along[lane] = 0
        for channel in range(channels):
            for lane in range(width):
                squared[lane] += source[channel, lane] * source[channel, lane]
                along[lane] += source[channel, lane] * gradient[channel, lane]
        for lane in range(width):
            along[lane] = along[lane] / squared[lane]
            squared[lane] = 1 / math.sqrt(squared[lane])
        for channel in range(channels):
            for lane in range(width):
                direct = gradient[channel, lane] - source[channel, lane] * along[lane]
                target[channel, lane] = direct * squared[lane]
