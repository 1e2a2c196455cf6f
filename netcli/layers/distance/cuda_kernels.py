"""CUDA kernels of the losses over distances."""

from __future__ import annotations

import math

import numpy as np

from netcli.layers.loss.cuda_kernels import label_class
from netcli.runtime.cuda.kernel import cuda_kernel
from netcli.runtime.cuda.rows import ROW_BLOCK, total_of
from netcli.runtime.cuda.toolkit import cuda

uint32 = np.uint32
int32 = np.int32
float32 = np.float32

_CONTRASTIVE_EPSILON = float32(1e-4)
"""Caffe's guard against a distance of 0."""


@cuda_kernel("f4*, f4*, f4*, i4*, u4", block=ROW_BLOCK)
def squared_distance(a, b, losses, counts, count):
    """losses (blocks,): sums of (a - b)^2 over the elements of a block; counts: 0."""
    parts = cuda.shared.array(ROW_BLOCK, float32)
    thread = uint32(cuda.threadIdx.x)
    total = float32(0)
    at = uint32(cuda.grid(1))
    while at < count:
        difference = a[at] - b[at]
        total += difference * difference
        at = uint32(at + uint32(cuda.gridsize(1)))
    parts[thread] = total
    cuda.syncthreads()
    if thread == 0:
        losses[cuda.blockIdx.x] = total_of(parts)
        counts[cuda.blockIdx.x] = int32(0)


@cuda_kernel("f4*, f4*, f4*, f4*, u4, f4")
def scaled_difference(a, b, top_gradient, gradient, count, share):
    """gradient = share w (a - b)."""
    at = uint32(cuda.grid(1))
    if at < count:
        gradient[at] = share * top_gradient[0] * (a[at] - b[at])


@cuda_kernel("f4*, f4*, f4*, f4*, f4*, i4*, u4, f4, u4", block=ROW_BLOCK)
def contrastive_losses(a, b, similar, distances, losses, counts, features, margin, legacy):
    """distances (items,): sum (a - b)^2; losses: that of a pair, before the half. A block for each pair."""
    parts = cuda.shared.array(ROW_BLOCK, float32)
    thread, item = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
    first = uint32(item * features)
    total = float32(0)
    k = thread
    while k < features:
        difference = a[uint32(first + k)] - b[uint32(first + k)]
        total += difference * difference
        k = uint32(k + uint32(ROW_BLOCK))
    parts[thread] = total
    cuda.syncthreads()
    if thread == 0:
        distance = total_of(parts)
        distances[item] = distance
        loss = distance
        if abs(similar[item]) < 1:
            gap = margin - (distance if legacy else math.sqrt(distance))
            loss = float32(0) if gap < 0 else gap if legacy else gap * gap
        losses[item] = loss
        counts[item] = int32(0)


@cuda_kernel("f4*, f4*, f4*, f4*, f4*, f4*, u4, u4, f4, u4, f4")
def contrastive_gradients(a, b, similar, distances, top_gradient, gradient, count, features, margin, legacy, share):
    """gradient: that of a for a positive ``share`` of the top's, that of b for a negative one."""
    at = uint32(cuda.grid(1))
    if at < count:
        item = uint32(at // features)
        pull = share * top_gradient[0]
        if abs(similar[item]) < 1:
            distance = distances[item] if legacy else math.sqrt(distances[item])
            gap = margin - distance
            push = -pull if legacy else -pull * gap / (distance + _CONTRASTIVE_EPSILON)
            pull = push if gap > 0 else float32(0)
        gradient[at] = pull * (a[at] - b[at])


@cuda_kernel("f4*, f4*, f4*, f4*, i4*, u4, u4", block=ROW_BLOCK)
def center_losses(x, labels, centers, losses, counts, classes, features):
    """losses (items,): |x - the centre of its label|^2. A block for each item."""
    parts = cuda.shared.array(ROW_BLOCK, float32)
    thread, item = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
    label = label_class(labels[item], classes, int32(0), uint32(0))
    total = float32(0)
    k = thread
    while label >= 0 and k < features:
        difference = x[uint32(uint32(item * features) + k)] - centers[uint32(uint32(uint32(label) * features) + k)]
        total += difference * difference
        k = uint32(k + uint32(ROW_BLOCK))
    parts[thread] = total
    cuda.syncthreads()
    if thread == 0:
        losses[item] = total_of(parts) if label >= 0 else float32(np.nan)
        counts[item] = int32(0)


@cuda_kernel("f4*, f4*, f4*, f4*, f4*, u4, u4, u4, f4")
def center_gradients(x, labels, centers, top_gradient, dx, count, classes, features, share):
    """dx = share w (x - the centre of its label)."""
    at = uint32(cuda.grid(1))
    if at < count:
        item = uint32(at // features)
        label = label_class(labels[item], classes, int32(0), uint32(0))
        gradient = float32(0)
        if label >= 0:
            k = uint32(at - uint32(item * features))
            gradient = share * top_gradient[0] * (x[at] - centers[uint32(uint32(uint32(label) * features) + k)])
        dx[at] = gradient


@cuda_kernel("f4*, f4*, f4*, f4*, u4, u4, u4", block=ROW_BLOCK)
def add_center_updates(x, labels, centers, gradient, items, classes, features):
    """gradient of centre j += sum of (c_j - x_i) over its n_j items, divided by 1 + n_j. A block for each class."""
    parts = cuda.shared.array(ROW_BLOCK, int32)
    thread, wanted = uint32(cuda.threadIdx.x), int32(cuda.blockIdx.x)
    number = int32(0)
    item = thread
    while item < items:
        if label_class(labels[item], classes, int32(0), uint32(0)) == wanted:
            number = int32(number + int32(1))
        item = uint32(item + uint32(ROW_BLOCK))
    parts[thread] = number
    cuda.syncthreads()
    number = total_of(parts)
    # Most classes have no item in a batch.
    k = thread
    while number > 0 and k < features:
        place = uint32(uint32(uint32(wanted) * features) + k)
        total = float32(0)
        for other in range(items):
            if label_class(labels[other], classes, int32(0), uint32(0)) == wanted:
                total += centers[place] - x[uint32(uint32(uint32(other) * features) + k)]
        gradient[place] += total / float32(number + 1)
        k = uint32(k + uint32(ROW_BLOCK))
