"""CUDA kernels of the margin layers: x (items, features), y, dy (items, classes), weights (classes, features), flat.

The equations are those of the CPU's kernels. lambda is read from device memory, because it changes from iteration to
iteration while the launches of a captured graph stay what they are.
"""

from __future__ import annotations

import math

import numpy as np

from netcli.layers.loss.cuda_kernels import label_class
from netcli.runtime.cuda.device_function import device_function
from netcli.runtime.cuda.kernel import cuda_kernel
from netcli.runtime.cuda.rows import ROW_BLOCK, part_of_product, total_of
from netcli.runtime.cuda.toolkit import cuda

uint32 = np.uint32
int32 = np.int32
float32 = np.float32


@cuda_kernel("f4*, f4*, u4", block=ROW_BLOCK)
def row_lengths(rows, lengths, features):
    """lengths (rows,): those of the rows (rows, features). A block for each row."""
    parts = cuda.shared.array(ROW_BLOCK, float32)
    thread, row = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
    first = uint32(row * features)
    parts[thread] = part_of_product(rows, rows, first, uint32(1), features, thread)
    cuda.syncthreads()
    if thread == 0:
        lengths[row] = math.sqrt(total_of(parts))


@cuda_kernel("f4*, f4*, f4*, f4*, u4", block=ROW_BLOCK)
def unit_rows(rows, units, lengths, unit_lengths, features):
    """units: the rows at length 1, perhaps in place; a row of 0 stays. A block for each row.

    lengths: before; unit_lengths: after, 1 or 0.
    """
    parts = cuda.shared.array(ROW_BLOCK, float32)
    thread, row = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
    first = uint32(row * features)
    parts[thread] = part_of_product(rows, rows, first, uint32(1), features, thread)
    cuda.syncthreads()
    length = math.sqrt(total_of(parts))
    factor = float32(0)
    if length != 0:
        factor = float32(1) / length
    k = thread
    while k < features:
        units[uint32(first + k)] = rows[uint32(first + k)] * factor
        k = uint32(k + uint32(ROW_BLOCK))
    if thread == 0:
        lengths[row] = length
        unit_lengths[row] = float32(0) if length == 0 else float32(1)


@device_function
def psi_and_slope(cosine, boundaries, number):
    """psi and its derivative by the cosine: T_m and m U_(m-1), Chebyshev's polynomials; m - 1 boundaries."""
    two = float32(2)
    before = float32(1)
    polynomial = cosine
    below = float32(0)
    slope = float32(1)
    passed = float32(0)
    sign = float32(1)
    for index in range(number):
        after = two * cosine * polynomial - before
        before = polynomial
        polynomial = after
        after = two * cosine * slope - below
        below = slope
        slope = after
        if cosine <= boundaries[index]:
            passed += float32(1)
            sign = -sign
    return sign * polynomial - two * passed, sign * (float32(number) + float32(1)) * slope


@cuda_kernel("f4*, f4*, f4*, f4*, f4*, f4*, f4*, u4, u4, u4")
def margin_forward(labels, x_lengths, row_lengths, boundaries, annealing, cosines, y, items, classes, number):
    """Puts the margin into the column of each item's label. cosines (items,): for backward."""
    item = uint32(cuda.grid(1))
    if item < items:
        label = label_class(labels[item], classes, int32(0), uint32(0))
        if label >= 0:
            place = uint32(uint32(item * classes) + uint32(label))
            score = y[place]
            length = x_lengths[item] * row_lengths[label]
            cosine = float32(0)
            if length > 0:
                cosine = score / length
            psi, _ = psi_and_slope(cosine, boundaries, number)
            cosines[item] = cosine
            y[place] = (annealing[0] * score + length * psi) / (float32(1) + annealing[0])


@cuda_kernel("f4*, f4*, f4*, f4*, f4*, f4*, f4*, f4*, f4*, f4*, u4, u4, u4, u4")
def margin_backward(
    labels, x_lengths, row_lengths, boundaries, annealing, cosines, dy, across, along_x, along_w, items, classes,
    number, unit,
):  # fmt: skip
    """What stands in the label's column of dy for the products (across), and the other parts along x and w.

    All (items,). With ``unit`` the coefficients are scaled to a square sum of 1 first, as in SphereFace.
    """
    item = uint32(cuda.grid(1))
    if item < items:
        label = label_class(labels[item], classes, int32(0), uint32(0))
        x_part = float32(0)
        w_part = float32(0)
        if label >= 0:
            gradient = dy[uint32(uint32(item * classes) + uint32(label))]
            factor = gradient
            if x_lengths[item] * row_lengths[label] > 0:
                cosine = cosines[item]
                psi, slope = psi_and_slope(cosine, boundaries, number)
                ratio = row_lengths[label] / x_lengths[item]
                rest = psi - slope * cosine
                scale = float32(1)
                if unit:
                    scale = float32(1) / math.sqrt(slope * slope + ratio * rest * ratio * rest)
                share = gradient / (float32(1) + annealing[0])
                x_part = share * scale * ratio * rest
                w_part = share * scale * rest / ratio
                factor = share * (annealing[0] + scale * slope)
            across[item] = factor
        along_x[item] = x_part
        along_w[item] = w_part


@cuda_kernel("f4*, f4*, f4*, u4, u4")
def exchange_at_labels(labels, values, y, items, classes):
    """Swaps ``values`` (items,) with what stands in y at the items' labels."""
    item = uint32(cuda.grid(1))
    if item < items:
        label = label_class(labels[item], classes, int32(0), uint32(0))
        if label >= 0:
            place = uint32(uint32(item * classes) + uint32(label))
            before = y[place]
            y[place] = values[item]
            values[item] = before


@cuda_kernel("f4*, f4*, f4*, u4, u4")
def add_item_multiples(x, factors, dx, count, features):
    """dx += factors (items,) times x."""
    at = uint32(cuda.grid(1))
    if at < count:
        dx[at] += factors[uint32(at // features)] * x[at]


@cuda_kernel("f4*, f4*, f4*, f4*, u4, u4, u4", block=ROW_BLOCK)
def add_row_multiples(labels, along_w, weights, gradient, items, classes, features):
    """gradient += the sum of along_w (items,) over a class's items times its row. A block for each class."""
    parts = cuda.shared.array(ROW_BLOCK, float32)
    thread, row = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
    total = float32(0)
    item = thread
    while item < items:
        if label_class(labels[item], classes, int32(0), uint32(0)) == int32(row):
            total += along_w[item]
        item = uint32(item + uint32(ROW_BLOCK))
    parts[thread] = total
    cuda.syncthreads()
    factor = total_of(parts)
    k = thread
    while k < features:
        place = uint32(uint32(row * features) + k)
        gradient[place] += factor * weights[place]
        k = uint32(k + uint32(ROW_BLOCK))


@cuda_kernel("f4*, f4*, f4*, f4*, u4", block=ROW_BLOCK)
def add_projected_rows(unit_gradient, units, lengths, gradient, features):
    """gradient += that of rows w from that of u = w / |w|: (g - (g u) u) / |w|. A block for each row."""
    parts = cuda.shared.array(ROW_BLOCK, float32)
    thread, row = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
    first = uint32(row * features)
    parts[thread] = part_of_product(unit_gradient, units, first, uint32(1), features, thread)
    cuda.syncthreads()
    inner = total_of(parts)
    if lengths[row] > 0:
        k = thread
        while k < features:
            place = uint32(first + k)
            gradient[place] += (unit_gradient[place] - inner * units[place]) / lengths[row]
            k = uint32(k + uint32(ROW_BLOCK))


@cuda_kernel("f4*, f4*, f4*, u4", block=ROW_BLOCK)
def turn_across(x, lengths, dx, features):
    """dx -= (x dx) / |x|^2 x, so that it stands at a right angle to x. A block for each item."""
    parts = cuda.shared.array(ROW_BLOCK, float32)
    thread, item = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
    first = uint32(item * features)
    parts[thread] = part_of_product(x, dx, first, uint32(1), features, thread)
    cuda.syncthreads()
    factor = total_of(parts)
    if lengths[item] > 0:
        factor /= lengths[item] * lengths[item]
    k = thread
    while k < features:
        dx[uint32(first + k)] -= factor * x[uint32(first + k)]
        k = uint32(k + uint32(ROW_BLOCK))
