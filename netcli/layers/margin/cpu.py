"""CPU kernels of the margin layers.

x (G, P, C, L) and y, dy (G, 1, N, L) are in lanes; an item is one lane of one group, and what there is one of for each
item is (G, L). Weights are plain, (N, K): a row for each class. labels: (items,).

The forks' margin m is given by its ``boundaries``, the m - 1 values cos(j pi / m). With t the angle between x and a
row:

    psi(t) = (-1)^k cos(m t) - 2 k,   k = how many of the angles j pi / m are below t

falls all the way from t = 0 to pi, and is at most cos t.

The later margins, ``angular_*``, have a ``kind``, AngularMarginParameter's type, and a ``form``: m, the scale s, the
sharpness, and the least sine to divide by.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from netcli.layers.loss.cpu import label_class
from netcli.layers.loss.labels import NO_LABEL
from netcli.runtime.jit import LANES, kernel, parallel_kernel

# The values of AngularMarginParameter's type; a kernel has no use for the schema.
COSFACE, ARCFACE, _SPHEREFACE, SPHEREFACE_R_V1, SPHEREFACE_R_V2, SPHEREFACE2 = range(6)

__all__ = [
    "add_item_multiples",
    "add_projected_rows",
    "add_row_multiples",
    "angular_backward",
    "angular_forward",
    "count_right",
    "exchange_at_labels",
    "factors_across",
    "item_norms",
    "margin_backward",
    "margin_forward",
    "one_vs_all_backward",
    "one_vs_all_forward",
    "row_norms",
    "unit_rows",
]


@kernel
def _psi(cosine, boundaries):
    """psi and its derivative by the cosine: T_m and m U_(m-1), Chebyshev's polynomials, by their recurrence."""
    one = boundaries.dtype.type(1)
    two = one + one
    before, polynomial = one, cosine
    below, slope = one - one, one
    for _ in range(boundaries.size):
        before, polynomial = polynomial, two * cosine * polynomial - before
        below, slope = slope, two * cosine * slope - below
    passed = one - one
    sign = one
    for boundary in boundaries:
        if cosine <= boundary:
            passed += one
            sign = -sign
    return sign * polynomial - two * passed, sign * boundaries.dtype.type(boundaries.size + 1) * slope


@parallel_kernel
def row_norms(weights, norms):
    """norms (N,): the lengths of the rows."""
    for row in prange(weights.shape[0]):
        total = weights.dtype.type(0)
        for k in range(weights.shape[1]):
            total += weights[row, k] * weights[row, k]
        norms[row] = math.sqrt(total)


@parallel_kernel
def unit_rows(weights, norms, units):
    """units: the rows at length 1, perhaps in place. A row of 0 stays."""
    zero = weights.dtype.type(0)
    one = weights.dtype.type(1)
    for row in prange(weights.shape[0]):
        factor = zero if norms[row] == 0 else one / norms[row]
        for k in range(weights.shape[1]):
            units[row, k] = weights[row, k] * factor


@kernel
def item_norms(x, norms):
    """norms (G, L): the lengths of the items."""
    groups, positions, channels, _ = x.shape
    norms[:] = 0
    for group in range(groups):
        total = norms[group]
        for position in range(positions):
            for channel in range(channels):
                row = x[group, position, channel]
                for lane in range(LANES):
                    total[lane] += row[lane] * row[lane]
        for lane in range(LANES):
            total[lane] = math.sqrt(total[lane])


@kernel
def count_right(labels, y):
    """(how many labels have the best score, how many labels are a class at all); ties count against the label."""
    right, classes = 0, 0
    for item in range(labels.size):
        group, lane = item // LANES, item % LANES
        label = label_class(labels[item], y.shape[2], NO_LABEL)
        if label < 0:
            continue
        classes += 1
        best = True
        for k in range(y.shape[2]):
            if k != label and not y[group, 0, k, lane] < y[group, 0, label, lane]:
                best = False
                break
        right += best
    return right, classes


@kernel
def margin_forward(labels, x_norms, row_norms, boundaries, weight, cosines, y):
    """Puts the margin into the column of each item's label; ``weight`` is lambda. cosines: (G, L), for backward.

    y[label] = (lambda |x| |w| cos t + |x| |w| psi(t)) / (1 + lambda). A label that is no class has no column.
    """
    one = y.dtype.type(1)
    zero = y.dtype.type(0)
    for item in range(labels.size):
        group, lane = item // LANES, item % LANES
        label = label_class(labels[item], y.shape[2], NO_LABEL)
        if label < 0:
            continue
        score = y[group, 0, label, lane]
        length = x_norms[group, lane] * row_norms[label]
        cosine = score / length if length > 0 else zero
        psi, _ = _psi(cosine, boundaries)
        cosines[group, lane] = cosine
        y[group, 0, label, lane] = (weight * score + length * psi) / (one + weight)


@kernel
def margin_backward(labels, x_norms, row_norms, cosines, boundaries, weight, unit, dy, across, along_x, along_w):
    """Splits the gradient of each label's score f into the parts along x and along its row w:

        df/dx = (lambda + psi') / (1 + lambda) w + |w| (psi - psi' cos t) / |x| / (1 + lambda) x

    and likewise with x and w changed. dy stays as it is. across (G, L): what stands in the label's column instead for
    the products, the factor of w, which is that of x too; along_x (G, L), along_w (N,): the other parts, for x and,
    summed over the items, for w. With ``unit`` the coefficients psi' and |w| (psi - psi' cos t) / |x| are scaled to a
    square sum of 1 first, as in SphereFace.
    """
    one = dy.dtype.type(1)
    along_x[:] = 0
    along_w[:] = 0
    for item in range(labels.size):
        group, lane = item // LANES, item % LANES
        label = label_class(labels[item], dy.shape[2], NO_LABEL)
        if label < 0:
            continue
        across[group, lane] = dy[group, 0, label, lane]
        if not x_norms[group, lane] * row_norms[label] > 0:
            continue
        cosine = cosines[group, lane]
        psi, slope = _psi(cosine, boundaries)
        ratio = row_norms[label] / x_norms[group, lane]
        rest = psi - slope * cosine
        scale = one / math.sqrt(slope * slope + ratio * rest * ratio * rest) if unit else one
        share = dy[group, 0, label, lane] / (one + weight)
        along_x[group, lane] = share * scale * ratio * rest
        along_w[label] += share * scale * rest / ratio
        across[group, lane] = share * (weight + scale * slope)


@kernel
def exchange_at_labels(labels, values, y):
    """Swaps ``values`` (G, L) with what stands in y (G, 1, N, L) at the items' labels."""
    for item in range(labels.size):
        group, lane = item // LANES, item % LANES
        label = label_class(labels[item], y.shape[2], NO_LABEL)
        if label >= 0:
            before = y[group, 0, label, lane]
            y[group, 0, label, lane] = values[group, lane]
            values[group, lane] = before


@kernel
def _within_one(cosine):
    """A cosine without its rounding errors; NaN stays."""
    return cosine / abs(cosine) if abs(cosine) > 1 else cosine


@kernel
def _angular(kind, is_label, cosine, form):
    """h(t) of AngularMargin and its derivative by the cosine."""
    one = form.dtype.type(1)
    two = one + one
    margin = form[0]
    if kind == SPHEREFACE2:
        half = (one + cosine) / two
        power = half ** (form[2] - one)
        return two * half * power - one + (-margin if is_label else margin), form[2] * power
    if is_label == (kind == SPHEREFACE_R_V2):
        return cosine, one
    if kind == COSFACE:
        return cosine - margin, one
    angle = math.acos(cosine)
    sine = max(math.sqrt((one - cosine) * (one + cosine)), form[3])
    pi = form.dtype.type(math.pi)
    if kind == ARCFACE:
        if angle > pi - margin:
            return cosine - margin * math.sin(margin), one
        return math.cos(angle + margin), math.sin(angle + margin) / sine
    if kind == SPHEREFACE_R_V2:
        return math.cos(angle / margin), math.sin(angle / margin) / (margin * sine)
    wide = margin * angle
    if kind == SPHEREFACE_R_V1:
        if wide >= pi:
            return -one, one - one
        return math.cos(wide), margin * math.sin(wide) / sine
    turns = np.floor(wide / pi)
    sign = one - two * (turns % two)
    return sign * math.cos(wide) - two * turns, sign * margin * math.sin(wide) / sine


@parallel_kernel
def angular_forward(labels, x_norms, kind, form, weight, bias, cosines, y):
    """Products x u_k become scores; ``weight`` is lambda. cosines: (G, N, L), or (G, 1, L) for the labels' alone."""
    one = y.dtype.type(1)
    zero = y.dtype.type(0)
    classes = y.shape[2]
    for group in prange(y.shape[0]):
        every = cosines.shape[1] == classes
        for k in range(classes):
            for lane in range(LANES):
                length = x_norms[group, lane]
                cosine = zero if length == 0 else _within_one(y[group, 0, k, lane] / length)
                size = form[1] if form[1] > 0 else length
                item = group * LANES + lane
                if every:
                    is_label = item < labels.size and label_class(labels[item], classes, NO_LABEL) == k
                    cosines[group, k, lane] = cosine
                    h, _ = _angular(kind, is_label, cosine, form)
                    y[group, 0, k, lane] = size * (weight * cosine + h) / (one + weight) + bias
                else:
                    y[group, 0, k, lane] = size * cosine
        if not every:
            for lane in range(min(LANES, labels.size - group * LANES)):
                k = label_class(labels[group * LANES + lane], classes, NO_LABEL)
                size = form[1] if form[1] > 0 else x_norms[group, lane]
                if k < 0 or not size > 0:
                    continue
                cosine = _within_one(y[group, 0, k, lane] / size)
                cosines[group, 0, lane] = cosine
                h, _ = _angular(kind, True, cosine, form)
                y[group, 0, k, lane] = size * (weight * cosine + h) / (one + weight)


@parallel_kernel
def angular_backward(labels, x_norms, kind, form, weight, detached, cosines, dy, along_x):
    """Turns dy into the factors of u_k in dx; along_x (G, L): that of x, where features keep their length.

    With f = size (lambda c + h) / (1 + lambda) and slope its derivative by c over size:

        df/dx = slope u_k + (f / |x| - slope c) / |x| x           features keep their length: size = |x|
        df/dx = s slope (u_k - c x / |x|) / |x|                   size = s; the part along x is left to factors_across
    """
    one = dy.dtype.type(1)
    zero = dy.dtype.type(0)
    classes = dy.shape[2]
    for group in prange(dy.shape[0]):
        every = cosines.shape[1] == classes
        for lane in range(LANES):
            along_x[group, lane] = 0
        for k in range(classes):
            for lane in range(LANES):
                item = group * LANES + lane
                is_label = item < labels.size and label_class(labels[item], classes, NO_LABEL) == k
                length = x_norms[group, lane]
                factor = zero
                if length > 0:
                    factor = form[1] / length if form[1] > 0 else one
                slope = one
                if every or is_label:
                    cosine = cosines[group, k if every else 0, lane]
                    h, change = _angular(kind, is_label, cosine, form)
                    slope = (weight + (one if detached else change)) / (one + weight)
                    if length > 0:
                        across = (weight * cosine + h) / (one + weight) - slope * cosine
                        along_x[group, lane] += dy[group, 0, k, lane] * across / length
                dy[group, 0, k, lane] *= slope * factor


@kernel
def factors_across(x, x_norms, dx, factors):
    """factors (G, L): -(x dx) / |x|^2 of each item, so that dx + factors x stands at a right angle to x."""
    groups, positions, channels, _ = x.shape
    for group in range(groups):
        for lane in range(LANES):
            factors[group, lane] = 0
        for position in range(positions):
            for channel in range(channels):
                for lane in range(LANES):
                    factors[group, lane] -= x[group, position, channel, lane] * dx[group, position, channel, lane]
        for lane in range(LANES):
            length = x_norms[group, lane]
            if length > 0:
                factors[group, lane] /= length * length


@parallel_kernel
def add_item_multiples(x, factors, dx):
    """dx += factors (G, L) times x."""
    positions = x.shape[1]
    for task in prange(x.shape[0] * positions):
        group = task // positions
        for channel in range(x.shape[2]):
            source = x[group, task % positions, channel]
            target = dx[group, task % positions, channel]
            for lane in range(LANES):
                target[lane] += factors[group, lane] * source[lane]


@parallel_kernel
def add_row_multiples(weights, factors, gradient):
    """gradient += factors (N,) times weights."""
    for row in prange(weights.shape[0]):
        for k in range(weights.shape[1]):
            gradient[row, k] += factors[row] * weights[row, k]


@parallel_kernel
def add_projected_rows(unit_gradient, units, norms, gradient):
    """gradient += that of rows w from that of u = w / |w|: (g - (g u) u) / |w|."""
    for row in prange(units.shape[0]):
        if norms[row] > 0:
            inner = units.dtype.type(0)
            for k in range(units.shape[1]):
                inner += unit_gradient[row, k] * units[row, k]
            for k in range(units.shape[1]):
                gradient[row, k] += (unit_gradient[row, k] - inner * units[row, k]) / norms[row]


@kernel
def one_vs_all_forward(x, labels, positive):
    """(sum of the terms of all items and classes, first label out of range or -1). x: (N, classes)."""
    items, classes = x.shape
    zero = x.dtype.type(0)
    one = x.dtype.type(1)
    total = zero
    for item in range(items):
        label = label_class(labels[item], classes, NO_LABEL)
        if label < 0:
            return total, item
        row_sum = zero
        for k in range(classes):
            against = -x[item, k] if k == label else x[item, k]
            share = positive if k == label else one - positive
            # log(1 + e^a) = max(a, 0) + log(1 + e^-|a|), where nothing overflows
            row_sum += share * ((against if not against < 0 else zero) + math.log1p(math.exp(-abs(against))))
        total += row_sum
    return total, -1


@kernel
def one_vs_all_backward(x, labels, positive, scale, dx):
    items, classes = x.shape
    one = x.dtype.type(1)
    for item in range(items):
        label = label_class(labels[item], classes, NO_LABEL)
        for k in range(classes):
            small = math.exp(-abs(x[item, k]))
            sigma = (small if x[item, k] < 0 else one) / (one + small)
            dx[item, k] = scale * (positive * (sigma - one) if k == label else (one - positive) * sigma)
