"""CPU kernels of the margin layers.

x (G, P, C, L) and y, dy (G, 1, N, L) are in lanes; an item is one lane of one group, and what there is one of for each
item is (G, L). Weights are plain, (N, K): a row for each class. labels: (items,).

The margin m is given by its ``boundaries``, the m - 1 values cos(j pi / m). With t the angle between x and a row:

    psi(t) = (-1)^k cos(m t) - 2 k,   k = how many of the angles j pi / m are below t

falls all the way from t = 0 to pi, and is at most cos t.
"""

from __future__ import annotations

import math

from numba import prange

from netcli.layers.loss.cpu import label_class
from netcli.layers.loss.labels import NO_LABEL
from netcli.runtime.jit import LANES, kernel, parallel_kernel

__all__ = [
    "add_item_multiples",
    "add_projected_rows",
    "add_row_multiples",
    "count_right",
    "item_norms",
    "margin_backward",
    "margin_forward",
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
def margin_backward(labels, x_norms, row_norms, cosines, boundaries, weight, unit, dy, along_x, along_w):
    """Splits the gradient of each label's score f into the parts along x and along its row w:

        df/dx = (lambda + psi') / (1 + lambda) w + |w| (psi - psi' cos t) / |x| / (1 + lambda) x

    and likewise with x and w changed. dy: the label's column gets the factor of w, which is that of x too; along_x
    (G, L), along_w (N,): the other parts, for x and, summed over the items, for w. With ``unit`` the coefficients
    psi' and |w| (psi - psi' cos t) / |x| are scaled to a square sum of 1 first, as in SphereFace.
    """
    one = dy.dtype.type(1)
    along_x[:] = 0
    along_w[:] = 0
    for item in range(labels.size):
        group, lane = item // LANES, item % LANES
        label = label_class(labels[item], dy.shape[2], NO_LABEL)
        if label < 0 or not x_norms[group, lane] * row_norms[label] > 0:
            continue
        cosine = cosines[group, lane]
        psi, slope = _psi(cosine, boundaries)
        ratio = row_norms[label] / x_norms[group, lane]
        across = psi - slope * cosine
        scale = one / math.sqrt(slope * slope + ratio * across * ratio * across) if unit else one
        share = dy[group, 0, label, lane] / (one + weight)
        along_x[group, lane] = share * scale * ratio * across
        along_w[label] += share * scale * across / ratio
        dy[group, 0, label, lane] = share * (weight + scale * slope)


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
