"""CUDA kernels of AngularMargin and OneVsAllLoss: x (items, features) or scores (items, classes), flat.

The equations are those of the CPU's kernels.
"""

from __future__ import annotations

import math

import numpy as np

from netcli.layers.loss.cuda_kernels import label_class
from netcli.runtime.cuda.device_function import device_function
from netcli.runtime.cuda.kernel import cuda_kernel
from netcli.runtime.cuda.rows import ROW_BLOCK, total_of
from netcli.runtime.cuda.toolkit import cuda

uint32 = np.uint32
int32 = np.int32
float32 = np.float32

# The values of AngularMarginParameter's type; a kernel has no use for the schema.
COSFACE, ARCFACE, _SPHEREFACE, SPHEREFACE_R_V1, SPHEREFACE_R_V2, SPHEREFACE2 = range(6)

_PI = float32(math.pi)


@device_function
def within_one(cosine):
    """A cosine without its rounding errors; NaN stays."""
    return cosine / abs(cosine) if abs(cosine) > 1 else cosine


@device_function
def cosine_and_sine(angle):
    """cos and sin of an angle from 0 to some hundred, to float32's precision.

    The device's own compute in float64, and in memory, for angles of any size. The angle is reduced to pi/4 in two
    steps (Cody and Waite, "Software manual for the elementary functions", 1980); the polynomials are Cephes' (Moshier).
    """
    turn = int32(angle * float32(2 / math.pi) + float32(0.5))
    r = angle - float32(turn) * float32(1.5703125) - float32(turn) * float32(math.pi / 2 - 1.5703125)
    square = r * r
    sine = float32(-1.9515295891e-4)
    sine = sine * square + float32(8.3321608736e-3)
    sine = sine * square - float32(1.6666654611e-1)
    sine = sine * square * r + r
    cosine = float32(2.443315711809948e-5)
    cosine = cosine * square - float32(1.388731625493765e-3)
    cosine = cosine * square + float32(4.166664568298827e-2)
    cosine = cosine * square * square - square * float32(0.5) + float32(1)
    quarter = turn & int32(3)
    if quarter == 1 or quarter == 3:
        before = cosine
        cosine = -sine
        sine = before
    if quarter >= 2:
        cosine = -cosine
        sine = -sine
    return cosine, sine


@device_function
def angular(kind, is_label, cosine, margin, sharpness, sharpest):
    """h(t) of AngularMargin and its derivative by the cosine."""
    one = float32(1)
    two = float32(2)
    if kind == SPHEREFACE2:
        half = (one + cosine) / two
        power = half ** (sharpness - one)
        h = two * half * power - one + (-margin if is_label else margin)
        change = sharpness * power
    elif is_label == (kind == SPHEREFACE_R_V2):
        h = cosine
        change = one
    elif kind == COSFACE:
        h = cosine - margin
        change = one
    else:
        angle = math.acos(cosine)
        sine = math.sqrt((one - cosine) * (one + cosine))
        if sine < sharpest:
            sine = sharpest
        if kind == ARCFACE:
            if angle > _PI - margin:
                _, change = cosine_and_sine(margin)
                h = cosine - margin * change
                change = one
            else:
                h, change = cosine_and_sine(angle + margin)
                change = change / sine
        elif kind == SPHEREFACE_R_V2:
            h, change = cosine_and_sine(angle / margin)
            change = change / (margin * sine)
        else:
            wide = margin * angle
            h, change = cosine_and_sine(wide)
            change = margin * change / sine
            if kind == SPHEREFACE_R_V1:
                if wide >= _PI:
                    h = -one
                    change = one - one
            else:
                turns = float32(math.floor(wide / _PI))
                sign = one - two * (turns - two * float32(math.floor(turns / two)))
                h = sign * h - two * turns
                change = sign * change
    return h, change


@cuda_kernel("f4*, f4*, f4*, f4*, f4*, f4*, u4, u4, u4, i4, f4, f4, f4, f4")
def angular_forward(
    labels, x_lengths, annealing, bias, cosines, y, count, classes, every, kind, margin, scale, sharpness, sharpest
):
    """Products x u_k become scores. cosines: of all scores if ``every`` class has a margin, else (items,), the labels'.

    bias: one value, or anything where the type has none.
    """
    at = uint32(cuda.grid(1))
    if at < count:
        item = uint32(at // classes)
        length = x_lengths[item]
        cosine = float32(0)
        if length != 0:
            cosine = within_one(y[at] / length)
        size = scale if scale > 0 else length
        label = label_class(labels[item], classes, int32(0), uint32(0))
        is_label = label == int32(at - uint32(item * classes))
        score = size * cosine
        if every or is_label:
            cosines[at if every else item] = cosine
            h, _ = angular(kind, is_label, cosine, margin, sharpness, sharpest)
            score = size * (annealing[0] * cosine + h) / (float32(1) + annealing[0])
        if kind == SPHEREFACE2:
            score += bias[0]
        y[at] = score


@cuda_kernel("f4*, f4*, f4*, f4*, f4*, f4*, f4*, u4, u4, u4, i4, f4, f4, f4, f4", block=ROW_BLOCK)
def angular_backward(
    labels, x_lengths, annealing, cosines, dy, split, along_x, classes, every, detached, kind, margin, scale,
    sharpness, sharpest,
):  # fmt: skip
    """split (items, classes): the factors of u_k in dx; along_x (items,): that of x, where features keep their length.

    A block for each item.
    """
    parts = cuda.shared.array(ROW_BLOCK, float32)
    thread, item = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
    one = float32(1)
    label = label_class(labels[item], classes, int32(0), uint32(0))
    length = x_lengths[item]
    factor = float32(0)
    if length > 0:
        factor = scale / length if scale > 0 else one
    total = float32(0)
    k = thread
    while k < classes:
        at = uint32(uint32(item * classes) + k)
        is_label = label == int32(k)
        slope = one
        if every or is_label:
            cosine = cosines[at if every else item]
            h, change = angular(kind, is_label, cosine, margin, sharpness, sharpest)
            slope = (annealing[0] + (one if detached else change)) / (one + annealing[0])
            if length > 0:
                rest = (annealing[0] * cosine + h) / (one + annealing[0]) - slope * cosine
                total += dy[at] * rest / length
        split[at] = dy[at] * slope * factor
        k = uint32(k + uint32(ROW_BLOCK))
    parts[thread] = total
    cuda.syncthreads()
    if thread == 0:
        along_x[item] = total_of(parts)


@cuda_kernel("f4*, f4*, f4*, i4*, u4, f4", block=ROW_BLOCK)
def one_vs_all_losses(x, labels, losses, counts, classes, positive):
    """losses (items,): the sums of the terms of all classes. A block for each item."""
    parts = cuda.shared.array(ROW_BLOCK, float32)
    thread, item = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
    label = label_class(labels[item], classes, int32(0), uint32(0))
    total = float32(0)
    k = thread
    while k < classes:
        score = x[uint32(uint32(item * classes) + k)]
        against = -score if int32(k) == label else score
        share = positive if int32(k) == label else float32(1) - positive
        term = math.log1p(math.exp(-abs(against)))
        if not against < 0:
            term += against
        total += share * term
        k = uint32(k + uint32(ROW_BLOCK))
    parts[thread] = total
    cuda.syncthreads()
    if thread == 0:
        losses[item] = total_of(parts) if label >= 0 else float32(np.nan)
        counts[item] = int32(1)


@cuda_kernel("f4*, f4*, f4*, f4*, u4, u4, f4")
def one_vs_all_gradients(x, labels, top_gradient, dx, count, classes, positive):
    """dx = w / N p (sigma(x) - 1) for the label, w / N (1 - p) sigma(x) for the others."""
    at = uint32(cuda.grid(1))
    if at < count:
        item = uint32(at // classes)
        label = label_class(labels[item], classes, int32(0), uint32(0))
        small = math.exp(-abs(x[at]))
        sigma = (small if x[at] < 0 else float32(1)) / (float32(1) + small)
        scale = top_gradient[0] * float32(classes) / float32(count)
        if label == int32(at - uint32(item * classes)):
            dx[at] = scale * positive * (sigma - float32(1))
        else:
            dx[at] = scale * (float32(1) - positive) * sigma
