"""CPU kernels of the losses over distances. x, a, b: (items, features); labels: (items,)."""

from __future__ import annotations

import math

from numba import prange

from netcli.layers.loss.cpu import label_class
from netcli.layers.loss.labels import NO_LABEL
from netcli.runtime.jit import kernel, parallel_kernel

_CONTRASTIVE_EPSILON = 1e-4
"""Caffe's guard against a distance of 0."""


@parallel_kernel
def squared_distances(a, b, distances):
    """distances (items,): sum over the features of (a - b)^2."""
    for item in prange(a.shape[0]):
        total = a.dtype.type(0)
        for k in range(a.shape[1]):
            difference = a[item, k] - b[item, k]
            total += difference * difference
        distances[item] = total


@parallel_kernel
def scaled_difference(a, b, scale, gradient):
    """gradient = scale (a - b)."""
    for item in prange(a.shape[0]):
        for k in range(a.shape[1]):
            gradient[item, k] = scale * (a[item, k] - b[item, k])


@kernel
def contrastive_loss_forward(distances, similar, margin, legacy):
    """Sum over the pairs of d^2 if similar, else of max(margin - d, 0)^2, or of max(margin - d^2, 0) if ``legacy``."""
    total = distances.dtype.type(0)
    for item in range(distances.size):
        if not abs(similar[item]) < 1:
            total += distances[item]
            continue
        gap = margin - (distances[item] if legacy else math.sqrt(distances[item]))
        if gap < 0:
            continue
        total += gap if legacy else gap * gap
    return total


@kernel
def contrastive_loss_backward(a, b, distances, similar, margin, legacy, scale, gradient):
    """gradient: that of a for a positive ``scale``, that of b for a negative one."""
    epsilon = a.dtype.type(_CONTRASTIVE_EPSILON)
    for item in range(a.shape[0]):
        pull = scale
        if abs(similar[item]) < 1:
            distance = distances[item] if legacy else math.sqrt(distances[item])
            gap = margin - distance
            pull = a.dtype.type(0)
            if gap > 0:
                pull = -scale if legacy else -scale * gap / (distance + epsilon)
        for k in range(a.shape[1]):
            gradient[item, k] = pull * (a[item, k] - b[item, k])


@kernel
def center_loss_forward(x, labels, centers):
    """(sum of the squared distances of x to the centres of its labels, first label out of range or -1)."""
    total = x.dtype.type(0)
    for item in range(x.shape[0]):
        label = label_class(labels[item], centers.shape[0], NO_LABEL)
        if label < 0:
            return total, item
        row_sum = x.dtype.type(0)
        for k in range(x.shape[1]):
            difference = x[item, k] - centers[label, k]
            row_sum += difference * difference
        total += row_sum
    return total, -1


@kernel
def center_loss_backward(x, labels, centers, scale, dx):
    """dx = scale (x - the centre of its label)."""
    for item in range(x.shape[0]):
        label = int(labels[item])
        for k in range(x.shape[1]):
            dx[item, k] = scale * (x[item, k] - centers[label, k])


@kernel
def center_gradient(x, labels, centers, counts, gradient):
    """gradient of centre j += sum of (c_j - x_i) over its n_j items, divided by 1 + n_j. counts: (classes,)."""
    counts[:] = 1
    for item in range(x.shape[0]):
        counts[int(labels[item])] += 1
    for item in range(x.shape[0]):
        label = int(labels[item])
        for k in range(x.shape[1]):
            gradient[label, k] += (centers[label, k] - x[item, k]) / counts[label]
