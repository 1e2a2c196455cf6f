"""CPU kernels of the losses, on arrays (groups, positions, channels, width) and flat plain labels."""

from __future__ import annotations

import math

from numba import prange

from netcli.layers.softmax.cpu import softmax_forward
from netcli.runtime.jit import kernel, parallel_kernel

__all__ = ["IGNORED", "OUT_OF_RANGE", "label_class", "softmax_forward", "softmax_loss_backward", "softmax_loss_forward"]

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


@kernel
def softmax_loss_forward(probability, labels, ignored, smallest):
    """(sum of -log p[label], number of labels counted, first label out of range or -1).

    The sum over a row of lanes is added up before it joins the total, which keeps float32 accurate.
    """
    groups, positions, classes, width = probability.shape
    items = labels.size // positions
    total = probability.dtype.type(0)
    valid = 0
    for group in range(groups):
        for position in range(positions):
            row = probability[group, position]
            row_sum = probability.dtype.type(0)
            for lane in range(min(width, items - group * width)):
                item = (group * width + lane) * positions + position
                label = label_class(labels[item], classes, ignored)
                if label == OUT_OF_RANGE:
                    return total, valid, item
                if label != IGNORED:
                    p = row[label, lane]
                    row_sum -= math.log(smallest if p < smallest else p)
                    valid += 1
            total += row_sum
    return total, valid, -1


@parallel_kernel
def softmax_loss_backward(probability, labels, ignored, scale, dx):
    """dx = scale (p - onehot(label)); 0 for ignored items and in the padding lanes."""
    groups, positions, classes, width = probability.shape
    items = labels.size // positions
    one = probability.dtype.type(1)
    for task in prange(groups * positions):
        group = task // positions
        position = task % positions
        source = probability[group, position]
        target = dx[group, position]
        for channel in range(classes):
            for lane in range(width):
                target[channel, lane] = scale * source[channel, lane]
        for lane in range(width):
            label = IGNORED
            if group * width + lane < items:
                item = (group * width + lane) * positions + position
                label = label_class(labels[item], classes, ignored)
            if label >= 0:
                target[label, lane] = scale * (source[label, lane] - one)
            else:
                for channel in range(classes):
                    target[channel, lane] = 0
