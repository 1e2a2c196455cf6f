"""CUDA kernels of the losses.

Scores x, probabilities p and targets are (outer, classes, inner), flat; labels and whatever there is one of for each
item are (outer, inner). A loss is made in two stages: the losses of items, or of blocks of elements, with how many of
them count, and then their sum in one block (``finish_loss``). The loss, its normaliser and the gradient that its
top holds stay on the device: nothing waits for the host.

A label that is no class makes the loss NaN, since no error can be raised from here.
"""

from __future__ import annotations

import math

import numpy as np

from netcli.runtime.cuda.device_function import device_function
from netcli.runtime.cuda.kernel import cuda_kernel
from netcli.runtime.cuda.rows import ROW_BLOCK, total_of
from netcli.runtime.cuda.toolkit import cuda

uint32 = np.uint32
int32 = np.int32
float32 = np.float32

IGNORED = -1
OUT_OF_RANGE = -2
_BOUND = float32(2**31)
_NAN = float32(np.nan)


@device_function
def label_class(label, classes, ignored, ignores):
    """The class (0 to classes - 1) that ``label`` names, IGNORED or OUT_OF_RANGE; NaN is out of range."""
    if not (label > -_BOUND and label < _BOUND):
        return int32(OUT_OF_RANGE)
    value = int32(label)
    if ignores != 0 and value == ignored:
        return int32(IGNORED)
    if value >= 0 and value < int32(classes):
        return value
    return int32(OUT_OF_RANGE)


@device_function
def at_least(smallest, value):
    """The larger one; NaN stays."""
    return smallest if value < smallest else value


@cuda_kernel("f4*, i4*, u4, f4, f4, f4*, f4*", block=ROW_BLOCK)
def finish_loss(losses, counts, number, fixed, share, loss, normaliser):
    """loss = share times the sum of losses (number,) over the normaliser. One block.

    The normaliser is ``fixed``, or, where that is 0, the sum of counts (number,), and never below 1.
    """
    parts = cuda.shared.array(ROW_BLOCK, float32)
    counted = cuda.shared.array(ROW_BLOCK, int32)
    thread = uint32(cuda.threadIdx.x)
    total = float32(0)
    count = int32(0)
    at = thread
    while at < number:
        total += losses[at]
        count = int32(count + counts[at])
        at = uint32(at + uint32(ROW_BLOCK))
    parts[thread] = total
    counted[thread] = count
    cuda.syncthreads()
    if thread == 0:
        divisor = fixed
        if fixed == 0:
            divisor = float32(total_of(counted))
        if divisor < 1:
            divisor = float32(1)
        normaliser[0] = divisor
        loss[0] = share * total_of(parts) / divisor


@cuda_kernel("f4*, f4*, f4*, f4*, f4*, i4*, u4, u4, u4, i4, u4, f4, f4", block=ROW_BLOCK)
def label_losses(
    x, probability, normalisers, labels, losses, counts, items, classes, inner, ignored, ignores, smallest, smoothing
):
    """losses (items,): -log(max(p[label], smallest)), or, with ``smoothing``, that of the smoothed label.

    counts: 1 for items that count. A block for each item, of which only smoothing needs more than a thread.
    """
    parts = cuda.shared.array(ROW_BLOCK, float32)
    thread, item = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
    outer = uint32(item // inner)
    first = uint32(uint32(uint32(outer * classes) * inner) + uint32(item - uint32(outer * inner)))
    mean = float32(0)
    if smoothing > 0:
        k = thread
        while k < classes:
            mean += (normalisers[item] - x[uint32(first + uint32(k * inner))]) / float32(classes)
            k = uint32(k + uint32(ROW_BLOCK))
    parts[thread] = mean
    cuda.syncthreads()
    if thread == 0:
        label = label_class(labels[item], classes, ignored, ignores)
        loss = float32(0)
        if label == OUT_OF_RANGE:
            loss = _NAN
        elif label >= 0:
            place = uint32(first + uint32(uint32(label) * inner))
            if smoothing > 0:
                cost = normalisers[item] - x[place]
                loss = (float32(1) - smoothing) * cost + smoothing * total_of(parts)
            else:
                loss = -math.log(at_least(smallest, probability[place]))
        losses[item] = loss
        counts[item] = int32(0) if label == IGNORED else int32(1)


@cuda_kernel("f4*, f4*, f4*, f4*, f4*, u4, u4, u4, i4, u4, f4")
def label_gradients(
    probability, labels, top_gradient, normaliser, dx, count, classes, inner, ignored, ignores, smoothing
):
    """dx = w / Z (p - target), 0 for ignored items."""
    at = uint32(cuda.grid(1))
    if at < count:
        outer = uint32(at // uint32(classes * inner))
        rest = uint32(at - uint32(uint32(outer * classes) * inner))
        k = uint32(rest // inner)
        item = uint32(uint32(outer * inner) + uint32(rest - uint32(k * inner)))
        label = label_class(labels[item], classes, ignored, ignores)
        gradient = float32(0)
        if label != IGNORED:
            target = smoothing / float32(classes)
            if label == int32(k):
                target += float32(1) - smoothing
            gradient = top_gradient[0] / normaliser[0] * (probability[at] - target)
        dx[at] = gradient


@cuda_kernel("f4*, f4*, f4*, f4*, i4*, f4*, u4, u4, f4, f4", block=ROW_BLOCK)
def target_losses(x, normalisers, targets, losses, counts, masses, classes, inner, smoothing, most):
    """losses (items,): sum_k S_k c_k with c = -log p, cut off at ``most``, and S smoothed; masses: sum_k S_k.

    counts: 1 for items with a target other than 0. A block for each item.
    """
    costs = cuda.shared.array(ROW_BLOCK, float32)
    means = cuda.shared.array(ROW_BLOCK, float32)
    sums = cuda.shared.array(ROW_BLOCK, float32)
    found = cuda.shared.array(ROW_BLOCK, int32)
    thread, item = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
    outer = uint32(item // inner)
    first = uint32(uint32(uint32(outer * classes) * inner) + uint32(item - uint32(outer * inner)))
    loss = float32(0)
    mean = float32(0)
    mass = float32(0)
    has_target = int32(0)
    k = thread
    while k < classes:
        place = uint32(first + uint32(k * inner))
        cost = normalisers[item] - x[place]
        if cost > most:
            cost = most
        mean += cost / float32(classes)
        if targets[place] != 0:
            has_target = int32(1)
            mass += targets[place]
            loss += targets[place] * cost
        k = uint32(k + uint32(ROW_BLOCK))
    costs[thread] = loss
    means[thread] = mean
    sums[thread] = mass
    found[thread] = has_target
    cuda.syncthreads()
    if thread == 0:
        mass = total_of(sums)
        masses[item] = mass
        is_counted = total_of(found) > 0
        counts[item] = int32(1) if is_counted else int32(0)
        loss = total_of(costs)
        if smoothing > 0:
            loss = (float32(1) - smoothing) * loss + smoothing * mass * total_of(means)
        losses[item] = loss if is_counted else float32(0)


@cuda_kernel("f4*, f4*, f4*, f4*, f4*, f4*, u4, u4, u4, f4")
def target_gradients(probability, targets, masses, top_gradient, normaliser, dx, count, classes, inner, smoothing):
    """dx = w / Z (p sum(S) - S) with S smoothed."""
    at = uint32(cuda.grid(1))
    if at < count:
        outer = uint32(at // uint32(classes * inner))
        rest = uint32(at - uint32(uint32(outer * classes) * inner))
        mass = masses[uint32(uint32(outer * inner) + uint32(rest % inner))]
        pushed = float32(0)
        if mass != 0:
            pushed = (probability[at] - smoothing / float32(classes)) * mass
        dx[at] = top_gradient[0] / normaliser[0] * (pushed - (float32(1) - smoothing) * targets[at])


@cuda_kernel("f4*, f4*, f4*, i4*, u4, u4, u4, i4, u4")
def rows_of_labels(labels, matrix, targets, counts, count, classes, inner, ignored, ignores):
    """targets: the row of ``matrix`` (classes, classes) that an item's label names, 0 where it is ignored.

    counts (items,): 1 for items that count. NaN for a label that is no class.
    """
    at = uint32(cuda.grid(1))
    if at < count:
        outer = uint32(at // uint32(classes * inner))
        rest = uint32(at - uint32(uint32(outer * classes) * inner))
        k = uint32(rest // inner)
        item = uint32(uint32(outer * inner) + uint32(rest - uint32(k * inner)))
        label = label_class(labels[item], classes, ignored, ignores)
        value = float32(0)
        if label == OUT_OF_RANGE:
            value = _NAN
        elif label >= 0:
            value = matrix[uint32(uint32(uint32(label) * classes) + k)]
        targets[at] = value
        if k == 0:
            counts[item] = int32(0) if label == IGNORED else int32(1)


@device_function
def is_ignored(target, ignored, ignores):
    """Caffe compares the target, cut off to a whole number."""
    if ignores == 0 or not (target > -_BOUND and target < _BOUND):
        return False
    return int32(target) == ignored


@cuda_kernel("f4*, f4*, f4*, f4*, i4*, u4, i4, u4, u4", block=ROW_BLOCK)
def sigmoid_losses(x, targets, weights, losses, counts, count, ignored, ignores, weighted):
    """losses, counts (blocks,): the sums over the elements of a block, every (blocks ROW_BLOCK)-th one of a thread.

    log(1 + e^x) - t x, without overflow: max(x, 0) - t x + log(1 + e^-|x|).
    """
    parts = cuda.shared.array(ROW_BLOCK, float32)
    counted = cuda.shared.array(ROW_BLOCK, int32)
    thread = uint32(cuda.threadIdx.x)
    total = float32(0)
    valid = int32(0)
    at = uint32(cuda.grid(1))
    while at < count:
        target = targets[at]
        if not is_ignored(target, ignored, ignores):
            score = x[at]
            loss = math.log1p(math.exp(-abs(score))) - target * score
            if score > 0:
                loss += score
            total += loss * weights[at] if weighted else loss
            valid = int32(valid + int32(1))
        at = uint32(at + uint32(cuda.gridsize(1)))
    parts[thread] = total
    counted[thread] = valid
    cuda.syncthreads()
    if thread == 0:
        losses[cuda.blockIdx.x] = total_of(parts)
        counts[cuda.blockIdx.x] = total_of(counted)


@cuda_kernel("f4*, f4*, f4*, f4*, f4*, f4*, u4, i4, u4, u4")
def sigmoid_gradients(x, targets, weights, top_gradient, normaliser, dx, count, ignored, ignores, weighted):
    """dx = w / Z weight (sigmoid(x) - t), 0 where ignored."""
    at = uint32(cuda.grid(1))
    if at < count:
        gradient = float32(0)
        if not is_ignored(targets[at], ignored, ignores):
            sigmoid = float32(1) / (float32(1) + math.exp(-x[at]))
            gradient = top_gradient[0] / normaliser[0] * (sigmoid - targets[at])
            if weighted:
                gradient *= weights[at]
        dx[at] = gradient


@cuda_kernel("f4*, f4*, f4*, i4*, u4, u4", block=ROW_BLOCK)
def hinge_losses(x, labels, losses, counts, classes, squared):
    """losses (items,): sums of the margins, or of their squares. A block for each item."""
    parts = cuda.shared.array(ROW_BLOCK, float32)
    thread, item = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
    label = label_class(labels[item], classes, int32(0), uint32(0))
    total = float32(0)
    k = thread
    while k < classes:
        score = x[uint32(uint32(item * classes) + k)]
        gap = float32(1) - score if int32(k) == label else float32(1) + score
        if not gap < 0:
            total += gap * gap if squared else gap
        k = uint32(k + uint32(ROW_BLOCK))
    parts[thread] = total
    cuda.syncthreads()
    if thread == 0:
        losses[item] = total_of(parts) if label >= 0 else _NAN
        counts[item] = int32(1)


@cuda_kernel("f4*, f4*, f4*, f4*, u4, u4, u4")
def hinge_gradients(x, labels, top_gradient, dx, count, classes, squared):
    """dx = w / N s [margin > 0], or 2 w / N s margin."""
    at = uint32(cuda.grid(1))
    if at < count:
        item = uint32(at // classes)
        is_label = int32(at - uint32(item * classes)) == label_class(labels[item], classes, int32(0), uint32(0))
        scale = top_gradient[0] * float32(classes) / float32(count)
        gap = float32(1) - x[at] if is_label else float32(1) + x[at]
        gradient = float32(0)
        if not gap < 0:
            if squared:
                gradient = scale * (gap + gap)
            elif gap > 0:
                gradient = scale
        dx[at] = -gradient if is_label else gradient


@cuda_kernel("f4*, f4*, f4*, i4*, u4, u4, f4")
def multinomial_losses(probability, labels, losses, counts, items, classes, smallest):
    """losses (items,): -log(max(p[label], smallest))."""
    item = uint32(cuda.grid(1))
    if item < items:
        label = label_class(labels[item], classes, int32(0), uint32(0))
        loss = _NAN
        if label >= 0:
            loss = -math.log(at_least(smallest, probability[uint32(uint32(item * classes) + uint32(label))]))
        losses[item] = loss
        counts[item] = int32(1)


@cuda_kernel("f4*, f4*, f4*, f4*, u4, u4, f4")
def multinomial_gradients(probability, labels, top_gradient, dx, count, classes, smallest):
    """dx = -w / N / max(p, smallest) at the label, else 0."""
    at = uint32(cuda.grid(1))
    if at < count:
        item = uint32(at // classes)
        gradient = float32(0)
        if int32(at - uint32(item * classes)) == label_class(labels[item], classes, int32(0), uint32(0)):
            gradient = -top_gradient[0] * float32(classes) / float32(count) / at_least(smallest, probability[at])
        dx[at] = gradient
