"""CPU kernels of the losses.

Forms are arrays (groups, positions, classes, width), see ``netcli.layers.channel_form``; labels are flat and plain.
The sum over a row is added up before it joins the total, which keeps float32 accurate.
"""

from __future__ import annotations

import math

from numba import prange

from netcli.layers.loss.labels import NO_LABEL
from netcli.layers.softmax.cpu import softmax_forward
from netcli.runtime.jit import kernel, parallel_kernel

__all__ = [
    "hinge_loss_backward",
    "hinge_loss_forward",
    "multinomial_loss_backward",
    "multinomial_loss_forward",
    "rows_of_labels",
    "sigmoid_loss_backward",
    "sigmoid_loss_forward",
    "softmax_forward",
    "softmax_loss_backward",
    "softmax_loss_forward",
    "target_loss_backward",
    "target_loss_forward",
]

IGNORED = -1
OUT_OF_RANGE = -2
_LARGEST_INTEGER = 2**31


@kernel
def label_class(label, classes, ignored):
    """The class (0 to classes - 1) that ``label`` names, IGNORED or OUT_OF_RANGE; NaN is out of range."""
    if not (-_LARGEST_INTEGER < label < _LARGEST_INTEGER):
        return OUT_OF_RANGE
    value = int(label)
    if value == ignored:
        return IGNORED
    return value if 0 <= value < classes else OUT_OF_RANGE


# Softmax: labels


@kernel
def _log_normaliser(scores, probability, lane):
    """log sum_k exp(x_k) of an item: exact however far the scores lie apart, for the largest p is at least 1/K."""
    best = 0
    for k in range(1, probability.shape[0]):
        if probability[k, lane] > probability[best, lane]:
            best = k
    return scores[best, lane] - math.log(probability[best, lane])


@kernel
def softmax_loss_forward(x, probability, labels, ignored, smallest, smoothing):
    """(sum of the losses, number of labels counted, first label out of range or -1).

    An item loses -log(max(p[label], smallest)) without ``smoothing``, else
    (1 - smoothing) (-log p[label]) + smoothing times the mean of -log p.
    """
    groups, positions, classes, width = probability.shape
    items = labels.size // positions
    one = x.dtype.type(1)
    total = x.dtype.type(0)
    valid = 0
    for group in range(groups):
        for position in range(positions):
            scores = x[group, position]
            row = probability[group, position]
            row_sum = x.dtype.type(0)
            for lane in range(min(width, items - group * width)):
                item = (group * width + lane) * positions + position
                label = label_class(labels[item], classes, ignored)
                if label == OUT_OF_RANGE:
                    return total, valid, item
                if label == IGNORED:
                    continue
                valid += 1
                if smoothing == 0:
                    p = row[label, lane]
                    row_sum -= math.log(smallest if p < smallest else p)
                    continue
                normaliser = _log_normaliser(scores, row, lane)
                mean = x.dtype.type(0)
                for k in range(classes):
                    mean += (normaliser - scores[k, lane]) / x.dtype.type(classes)
                row_sum += (one - smoothing) * (normaliser - scores[label, lane]) + smoothing * mean
            total += row_sum
    return total, valid, -1


@parallel_kernel
def softmax_loss_backward(probability, labels, ignored, smoothing, scale, dx):
    """dx = scale (p - target); 0 for ignored items and in the padding lanes."""
    groups, positions, classes, width = probability.shape
    items = labels.size // positions
    zero = probability.dtype.type(0)
    one = probability.dtype.type(1)
    spread = smoothing / probability.dtype.type(classes)
    for task in prange(groups * positions):
        group = task // positions
        position = task % positions
        source = probability[group, position]
        target = dx[group, position]
        for channel in range(classes):
            for lane in range(width):
                target[channel, lane] = scale * (source[channel, lane] - spread)
        for lane in range(width):
            label = IGNORED
            if group * width + lane < items:
                item = (group * width + lane) * positions + position
                label = label_class(labels[item], classes, ignored)
            if label >= 0:
                target[label, lane] = scale * (source[label, lane] - spread - (one - smoothing))
            else:
                for channel in range(classes):
                    target[channel, lane] = zero


# Softmax: a target for each class


@kernel
def target_loss_forward(x, probability, targets, in_use, smoothing, most):
    """(sum of the losses, number of items with a target other than 0).

    An item loses sum_k S_k c_k with c = -log p, cut off at ``most``; with ``smoothing`` a share of S is spread
    over all classes. in_use: see ``lanes_in_use``.
    """
    groups, positions, classes, width = x.shape
    one = x.dtype.type(1)
    total = x.dtype.type(0)
    valid = 0
    for group in range(groups):
        for position in range(positions):
            scores = x[group, position]
            wanted = targets[group, position]
            for lane in range(min(width, in_use - group * width)):
                normaliser = _log_normaliser(scores, probability[group, position], lane)
                has_target = False
                mass = x.dtype.type(0)
                loss = x.dtype.type(0)
                mean = x.dtype.type(0)
                for k in range(classes):
                    cost = normaliser - scores[k, lane]
                    if cost > most:
                        cost = most
                    mean += cost / x.dtype.type(classes)
                    if wanted[k, lane] != 0:
                        has_target = True
                        mass += wanted[k, lane]
                        loss += wanted[k, lane] * cost
                if has_target:
                    valid += 1
                    total += loss if smoothing == 0 else (one - smoothing) * loss + smoothing * mass * mean
    return total, valid


@parallel_kernel
def target_loss_backward(probability, targets, in_use, smoothing, scale, masses, dx):
    """dx = scale (p sum(S) - S) with S smoothed; 0 in the padding lanes. masses: (groups * positions, width)."""
    groups, positions, classes, width = probability.shape
    zero = probability.dtype.type(0)
    keep = probability.dtype.type(1) - smoothing
    spread = smoothing / probability.dtype.type(classes)
    for task in prange(groups * positions):
        group = task // positions
        source = probability[group, task % positions]
        wanted = targets[group, task % positions]
        target = dx[group, task % positions]
        mass = masses[task]
        used = min(width, in_use - group * width)
        mass[:] = zero
        for k in range(classes):
            for lane in range(used):
                mass[lane] += wanted[k, lane]
        for k in range(classes):
            for lane in range(used):
                pushed = (source[k, lane] - spread) * mass[lane] if mass[lane] != 0 else zero
                target[k, lane] = scale * (pushed - keep * wanted[k, lane])
            for lane in range(used, width):
                target[k, lane] = zero


@kernel
def rows_of_labels(labels, ignored, matrix, targets):
    """targets: the row of ``matrix`` (classes, classes) that an item's label names, 0 where it is ignored.

    Returns (number of labels counted, first label out of range or -1).
    """
    groups, positions, classes, width = targets.shape
    items = labels.size // positions
    valid = 0
    targets[:] = 0
    for group in range(groups):
        for position in range(positions):
            for lane in range(min(width, items - group * width)):
                item = (group * width + lane) * positions + position
                label = label_class(labels[item], classes, ignored)
                if label == OUT_OF_RANGE:
                    return valid, item
                if label != IGNORED:
                    valid += 1
                    for k in range(classes):
                        targets[group, position, k, lane] = matrix[label, k]
    return valid, -1


# Sigmoid


@kernel
def _is_ignored(target, ignored):
    """Caffe compares the target, cut off to a whole number."""
    return -_LARGEST_INTEGER < target < _LARGEST_INTEGER and int(target) == ignored


@kernel
def sigmoid_loss_forward(x, targets, weights, ignored):
    """(sum of the losses, number of elements counted). All (rows, columns); weights perhaps None.

    log(1 + e^x) - t x, without overflow: max(x, 0) - t x + log(1 + e^-|x|).
    """
    total = x.dtype.type(0)
    valid = 0
    for row in range(x.shape[0]):
        row_sum = x.dtype.type(0)
        for column in range(x.shape[1]):
            score, target = x[row, column], targets[row, column]
            if _is_ignored(target, ignored):
                continue
            valid += 1
            loss = (score if score > 0 else x.dtype.type(0)) - target * score + math.log1p(math.exp(-abs(score)))
            if weights is not None:
                loss *= weights[row, column]
            row_sum += loss
        total += row_sum
    return total, valid


@parallel_kernel
def sigmoid_loss_backward(x, targets, weights, ignored, scale, dx):
    """dx = scale weight (sigmoid(x) - t), 0 where ignored. All (rows, columns); weights perhaps None."""
    one = x.dtype.type(1)
    for row in prange(x.shape[0]):
        for column in range(x.shape[1]):
            target = targets[row, column]
            gradient = x.dtype.type(0)
            if not _is_ignored(target, ignored):
                gradient = scale * (one / (one + math.exp(-x[row, column])) - target)
                if weights is not None:
                    gradient *= weights[row, column]
            dx[row, column] = gradient


# Labels without a softmax; x: (items, classes)


@kernel
def multinomial_loss_forward(probability, labels, smallest):
    """(sum of -log max(p[label], smallest), first label out of range or -1)."""
    items, classes = probability.shape
    total = probability.dtype.type(0)
    for item in range(items):
        label = label_class(labels[item], classes, NO_LABEL)
        if label < 0:
            return total, item
        p = probability[item, label]
        total -= math.log(smallest if p < smallest else p)
    return total, -1


@kernel
def multinomial_loss_backward(probability, labels, smallest, scale, dx):
    """dx = -scale / max(p[label], smallest) at the label, else 0."""
    items, classes = probability.shape
    dx[:] = 0
    for item in range(items):
        label = label_class(labels[item], classes, NO_LABEL)
        p = probability[item, label]
        dx[item, label] = -scale / (smallest if p < smallest else p)


@kernel
def _margin(score, is_label, one):
    """How far a score is from where it should be: below -1, or above 1 for the label."""
    gap = one - score if is_label else one + score
    return one - one if gap < 0 else gap


@kernel
def hinge_loss_forward(x, labels, squared):
    """(sum of the margins or of their squares, first label out of range or -1)."""
    items, classes = x.shape
    total = x.dtype.type(0)
    one = x.dtype.type(1)
    for item in range(items):
        label = label_class(labels[item], classes, NO_LABEL)
        if label < 0:
            return total, item
        row_sum = x.dtype.type(0)
        for k in range(classes):
            gap = _margin(x[item, k], k == label, one)
            row_sum += gap * gap if squared else gap
        total += row_sum
    return total, -1


@kernel
def hinge_loss_backward(x, labels, squared, scale, dx):
    items, classes = x.shape
    zero = x.dtype.type(0)
    one = x.dtype.type(1)
    for item in range(items):
        label = label_class(labels[item], classes, NO_LABEL)
        for k in range(classes):
            gap = _margin(x[item, k], k == label, one)
            gradient = scale * (gap + gap) if squared else scale if gap > 0 else zero
            dx[item, k] = -gradient if k == label else gradient
