"""CUDA kernels of the update: one launch over all parameters of a net, which stand side by side in an arena.

Arrays are (elements,) of the arena; a block of threads belongs to one parameter, ``owners`` (blocks,) says to which.
``own`` (parameters, 2): the parameter's learning rate and weight decay. ``common``: the scale of gradients (without
clipping), then the rule's coefficients. ``clipping`` (1,): the factor of clip_gradients. These stand in memory because
they change between iterations. On return ``gradients`` holds the update, as in Caffe, and ``weights`` has lost it.
"""

from __future__ import annotations

import math

import numpy as np

from netcli.runtime.cuda.device_function import device_function
from netcli.runtime.cuda.kernel import BLOCK, cuda_kernel
from netcli.runtime.cuda.rows import ROW_BLOCK, largest_of, total_of
from netcli.runtime.cuda.toolkit import SIMULATED, cuda
from netcli.solver import bodies

UNIT = BLOCK
NORM_BLOCKS = 2 if SIMULATED else 256
"""Blocks of threads that a norm is summed by."""

_ONE_HISTORY = "f4*, f4*, f4*, i4*, f4*, f4*, f4*, i4"
_TWO_HISTORIES = "f4*, f4*, f4*, f4*, i4*, f4*, f4*, f4*, i4"
_ZERO = np.float32(0)


@device_function
def regularised(gradient, weight, scale, decay, takes_l1):
    """The gradient of the loss with a weight decay of either kind."""
    l2, l1 = (_ZERO, decay) if takes_l1 else (decay, _ZERO)
    return bodies.regularised(gradient, weight, scale, l2, l1)


@cuda_kernel(_ONE_HISTORY, block=UNIT)
def sgd(weights, gradients, history, owners, own, common, clipping, takes_l1):
    i, item = np.uint32(cuda.grid(1)), np.uint32(owners[np.uint32(cuda.blockIdx.x)] * 2)
    gradient = regularised(gradients[i], weights[i], common[0] * clipping[0], own[np.uint32(item + 1)], takes_l1)
    after, update = bodies.sgd(gradient, history[i], own[item], common[1])
    history[i] = after
    gradients[i] = update
    weights[i] -= update


@cuda_kernel(_ONE_HISTORY, block=UNIT)
def nesterov(weights, gradients, history, owners, own, common, clipping, takes_l1):
    i, item = np.uint32(cuda.grid(1)), np.uint32(owners[np.uint32(cuda.blockIdx.x)] * 2)
    gradient = regularised(gradients[i], weights[i], common[0] * clipping[0], own[np.uint32(item + 1)], takes_l1)
    after, update = bodies.nesterov(gradient, history[i], own[item], common[1])
    history[i] = after
    gradients[i] = update
    weights[i] -= update


@cuda_kernel(_ONE_HISTORY, block=UNIT)
def adagrad(weights, gradients, history, owners, own, common, clipping, takes_l1):
    i, item = np.uint32(cuda.grid(1)), np.uint32(owners[np.uint32(cuda.blockIdx.x)] * 2)
    gradient = regularised(gradients[i], weights[i], common[0] * clipping[0], own[np.uint32(item + 1)], takes_l1)
    after, update = bodies.adagrad(gradient, history[i], own[item], common[1])
    history[i] = after
    gradients[i] = update
    weights[i] -= update


@cuda_kernel(_ONE_HISTORY, block=UNIT)
def rmsprop(weights, gradients, history, owners, own, common, clipping, takes_l1):
    i, item = np.uint32(cuda.grid(1)), np.uint32(owners[np.uint32(cuda.blockIdx.x)] * 2)
    gradient = regularised(gradients[i], weights[i], common[0] * clipping[0], own[np.uint32(item + 1)], takes_l1)
    after, update = bodies.rmsprop(gradient, history[i], own[item], common[1], common[2], common[3])
    history[i] = after
    gradients[i] = update
    weights[i] -= update


@cuda_kernel(_TWO_HISTORIES, block=UNIT)
def adadelta(weights, gradients, squares, updates, owners, own, common, clipping, takes_l1):
    i, item = np.uint32(cuda.grid(1)), np.uint32(owners[np.uint32(cuda.blockIdx.x)] * 2)
    gradient = regularised(gradients[i], weights[i], common[0] * clipping[0], own[np.uint32(item + 1)], takes_l1)
    square, mean, update = bodies.adadelta(gradient, squares[i], updates[i], own[item], common[1], common[2], common[3])
    squares[i] = square
    updates[i] = mean
    gradients[i] = update
    weights[i] -= update


@cuda_kernel(_TWO_HISTORIES, block=UNIT)
def adam(weights, gradients, means, squares, owners, own, common, clipping, takes_l1):
    i, item = np.uint32(cuda.grid(1)), np.uint32(owners[np.uint32(cuda.blockIdx.x)] * 2)
    gradient = regularised(gradients[i], weights[i], common[0] * clipping[0], own[np.uint32(item + 1)], takes_l1)
    mean, square, update = bodies.adam(
        gradient, means[i], squares[i], own[item], common[1], common[2], common[3], common[4], common[5], common[6]
    )
    means[i] = mean
    squares[i] = square
    gradients[i] = update
    weights[i] -= update


@cuda_kernel(_TWO_HISTORIES, block=UNIT)
def adamw(weights, gradients, means, squares, owners, own, common, clipping, takes_l1):
    i, item = np.uint32(cuda.grid(1)), np.uint32(owners[np.uint32(cuda.blockIdx.x)] * 2)
    mean, square, update = bodies.adamw(
        common[0] * clipping[0] * gradients[i], means[i], squares[i], own[item],
        common[1], common[2], common[3], common[4], common[5], common[6],
        regularised(_ZERO, weights[i], _ZERO, own[np.uint32(item + 1)], takes_l1),
    )  # fmt: skip
    means[i] = mean
    squares[i] = square
    gradients[i] = update
    weights[i] -= update


@cuda_kernel("f4*, f4*, u4", block=ROW_BLOCK)
def partial_norms(values, partial, count):
    """partial (blocks, 2): the largest magnitude m of a block's elements, and the sum of their (value / m)^2.

    Squares of large values would not fit into float32. Source: LAPACK's scaled sum of squares.
    """
    parts = cuda.shared.array(ROW_BLOCK, np.float32)
    thread, block, blocks = np.uint32(cuda.threadIdx.x), np.uint32(cuda.blockIdx.x), np.uint32(cuda.gridDim.x)
    first, step = np.uint32(np.uint32(block * np.uint32(ROW_BLOCK)) + thread), np.uint32(blocks * np.uint32(ROW_BLOCK))
    most = _ZERO
    i = first
    while i < count:
        magnitude = abs(values[i])
        if not magnitude <= most:
            most = magnitude
        i = np.uint32(i + step)
    parts[thread] = most
    cuda.syncthreads()
    most = largest_of(parts)
    cuda.syncthreads()
    total = _ZERO
    i = first
    while i < count and most > 0:
        ratio = values[i] / most
        total += ratio * ratio
        i = np.uint32(i + step)
    parts[thread] = total
    cuda.syncthreads()
    total = total_of(parts)
    if thread == 0:
        partial[np.uint32(block * np.uint32(2))] = most
        partial[np.uint32(np.uint32(block * np.uint32(2)) + np.uint32(1))] = total


@cuda_kernel("f4*, f4*, u4, f4", block=1)
def clipping_factor(partial, clipping, blocks, limit):
    """clipping (1,) = limit / norm where the norm, of ``partial``, is above the limit; else 1."""
    most = _ZERO
    for block in range(blocks):
        part = partial[np.uint32(np.uint32(block) * np.uint32(2))]
        if not part <= most:
            most = part
    total = _ZERO
    for block in range(blocks):
        place = np.uint32(np.uint32(block) * np.uint32(2))
        ratio = partial[place] / most if most > 0 else _ZERO
        total += ratio * ratio * partial[np.uint32(place + np.uint32(1))]
    norm = most * math.sqrt(total)
    clipping[0] = limit / norm if norm > limit else np.float32(1)
