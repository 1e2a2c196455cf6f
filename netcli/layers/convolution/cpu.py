"""CPU kernels of windowed products, in lanes.

x: (G, P, C, L), y: (G, Q, K, L): L images of each of G groups, P input and Q output positions, C channels, K
outputs; both channels are split alike into ``groups`` parts that do not see each other. The weights are
plain, (K, C / groups, T) for T taps. Tables: see ``netcli.layers.windows``.

The unit of work is a block of outputs at one position, so few that their sums stay in registers: see
``netcli.runtime.vectors``.
"""

from __future__ import annotations

from numba import carray, prange

from netcli.runtime.jit import LANES, kernel, parallel_kernel
from netcli.runtime.vectors import add_product, add_scaled, stack_memory

_OUTPUT_BLOCK = 8
_CHANNEL_BLOCK = 4
_GRADIENT_BLOCKS = 8
_BLOCK_VALUES = _OUTPUT_BLOCK * LANES
_GRADIENT_VALUES = _CHANNEL_BLOCK * _GRADIENT_BLOCKS * _BLOCK_VALUES


def packed_shape(groups: int, channels: int, outputs: int, taps: int, for_backward: bool) -> tuple[int, ...]:
    """The shape that ``pack_weights`` fills, for weights (outputs, channels / groups, taps)."""
    summed, made = channels // groups, outputs // groups
    if for_backward:
        summed, made = made, summed
    return groups, -(-made // _OUTPUT_BLOCK), taps * summed, _OUTPUT_BLOCK


@parallel_kernel
def pack_weights(weights, groups, for_backward, packed):
    """weights (K, C / groups, T) -> packed (groups, blocks, rows, _OUTPUT_BLOCK), zero beyond the last output.

    Rows are the multiplied channels of each tap. Forward: tap t, channel c -> row t C / groups + c, outputs k.
    For the data gradient k and c change places and the taps run backwards, as in ``backward_runs``.
    """
    outputs = weights.shape[0] // groups
    channels = weights.shape[1]
    taps = weights.shape[2]
    blocks = packed.shape[1]
    for task in prange(groups * blocks):
        group = task // blocks
        first = task % blocks * _OUTPUT_BLOCK
        block = packed[group, task % blocks]
        for row in range(block.shape[0]):
            for column in range(_OUTPUT_BLOCK):
                if for_backward:
                    inside = first + column < channels
                    output, channel, tap = row % outputs, first + column, taps - 1 - row // outputs
                else:
                    inside = first + column < outputs
                    output, channel, tap = first + column, row % channels, row // channels
                block[row, column] = 0
                if inside:
                    block[row, column] = weights[group * outputs + output, channel, tap]


@kernel
def _add_products(x, weights, sums):
    """sums (_OUTPUT_BLOCK, L) += weights (_OUTPUT_BLOCK,) times x (L,)."""
    for k in range(_OUTPUT_BLOCK):
        add_scaled(sums[k], x, weights[k])


@parallel_kernel
def multiply_windows(x, starts, runs, weights, bias, splits, y):
    """y = bias + weights times the windows of x: a forward pass, or a data gradient with the backward tables.

    weights: as packed. bias: (K,). splits: parts into which the blocks of one position are divided, so that
    few positions still keep all threads busy.
    """
    positions, channels = x.shape[1:3]
    output_positions, outputs = y.shape[1:3]
    groups, blocks = weights.shape[:2]
    group_channels = channels // groups
    group_outputs = outputs // groups
    for task in prange(y.shape[0] * output_positions * splits):
        split = task % splits
        output = task // splits % output_positions
        image_group = task // splits // output_positions
        rows = x[image_group].reshape(positions * channels, LANES)
        sums = carray(stack_memory(x, _BLOCK_VALUES), (_OUTPUT_BLOCK, LANES))
        for block in range(groups * blocks * split // splits, groups * blocks * (split + 1) // splits):
            group = block // blocks
            block_weights = weights[group, block % blocks]
            sums[:] = 0
            for i in range(starts[output], starts[output + 1]):
                steps, length = runs[i, 2], group_channels
                if groups == 1:
                    steps, length = 1, runs[i, 2] * channels
                for step in range(steps):
                    row = (runs[i, 0] + step) * channels + group * group_channels
                    tap = (runs[i, 1] + step) * group_channels
                    for j in range(length):
                        _add_products(rows[row + j], block_weights[tap + j], sums)
            first = block % blocks * _OUTPUT_BLOCK
            for k in range(min(_OUTPUT_BLOCK, group_outputs - first)):
                channel = group * group_outputs + first + k
                target = y[image_group, output, channel]
                constant = bias[channel]
                for lane in range(LANES):
                    target[lane] = sums[k, lane] + constant


@kernel
def _add_correlations(x, dy, sums):
    """sums (_OUTPUT_BLOCK, L) += x (L,) times dy (_OUTPUT_BLOCK, L)."""
    for k in range(_OUTPUT_BLOCK):
        add_product(sums[k], x, dy[k])


@kernel
def _lane_sum(row):
    total = row[0]
    for lane in range(1, LANES):
        total += row[lane]
    return total


@parallel_kernel
def add_weight_gradient(x, dy, starts, pairs, groups, gradient):
    """gradient (K, C / groups, T) += the correlation of x with dy at each tap; ``pairs`` as in pairs_of_taps.

    A task owns a tap, some channels and some outputs, and goes through all images and positions: no two tasks
    write to one place, and the order of the sums does not depend on the number of threads.
    """
    outputs = gradient.shape[0] // groups
    channels, taps = gradient.shape[1:]
    most_outputs = _OUTPUT_BLOCK * _GRADIENT_BLOCKS
    channel_parts = (channels + _CHANNEL_BLOCK - 1) // _CHANNEL_BLOCK
    output_parts = (outputs + most_outputs - 1) // most_outputs
    for task in prange(groups * taps * channel_parts * output_parts):
        first_output = task % output_parts * most_outputs
        count = min(outputs - first_output, most_outputs)
        blocks = count // _OUTPUT_BLOCK
        part = task // output_parts
        first_channel = part % channel_parts * _CHANNEL_BLOCK
        part_channels = min(channels - first_channel, _CHANNEL_BLOCK)
        tap = part // channel_parts % taps
        group = part // channel_parts // taps
        x_channel = group * channels + first_channel
        dy_channel = group * outputs + first_output
        memory = stack_memory(x, _GRADIENT_VALUES)
        sums = carray(memory, (_CHANNEL_BLOCK, _GRADIENT_BLOCKS, _OUTPUT_BLOCK, LANES))
        sums[:] = 0
        for image_group in range(x.shape[0]):
            for i in range(starts[tap], starts[tap + 1]):
                values = x[image_group, pairs[i, 0]]
                gradients = dy[image_group, pairs[i, 1]]
                for block in range(blocks):
                    first = dy_channel + block * _OUTPUT_BLOCK
                    block_gradients = gradients[first : first + _OUTPUT_BLOCK]
                    for c in range(part_channels):
                        _add_correlations(values[x_channel + c], block_gradients, sums[c, block])
                for k in range(blocks * _OUTPUT_BLOCK, count):
                    for c in range(part_channels):
                        row = sums[c, k // _OUTPUT_BLOCK, k % _OUTPUT_BLOCK]
                        add_product(row, values[x_channel + c], gradients[dy_channel + k])
        for k in range(count):
            for c in range(part_channels):
                total = _lane_sum(sums[c, k // _OUTPUT_BLOCK, k % _OUTPUT_BLOCK])
                gradient[dy_channel + k, first_channel + c, tap] += total


@parallel_kernel
def add_bias_gradient(dy, gradient):
    """gradient (K,) += the sum of dy (G, Q, K, L) over images and positions."""
    for channel in prange(dy.shape[2]):
        sums = carray(stack_memory(dy, LANES), (LANES,))
        sums[:] = 0
        for image_group in range(dy.shape[0]):
            for position in range(dy.shape[1]):
                row = dy[image_group, position, channel]
                for lane in range(LANES):
                    sums[lane] += row[lane]
        gradient[channel] += _lane_sum(sums)


@parallel_kernel
def windows_to_channels(x, starts, runs, y):
    """y (G, Q, C T, L): what the taps of each window of x (G, P, C, L) see, 0 outside; runs as in forward_runs."""
    channels = x.shape[2]
    taps = y.shape[2] // channels
    count = y.shape[1]
    for task in prange(y.shape[0] * count):
        output = task % count
        values = x[task // count]
        rows = y[task // count, output]
        rows[:] = 0
        for i in range(starts[output], starts[output + 1]):
            for step in range(runs[i, 2]):
                source = values[runs[i, 0] + step]
                tap = runs[i, 1] + step
                for channel in range(channels):
                    for lane in range(LANES):
                        rows[channel * taps + tap, lane] = source[channel, lane]


@parallel_kernel
def channels_to_windows(dy, starts, runs, dx):
    """dx (G, P, C, L): the sum of dy (G, Q, C T, L) where x went; runs as in backward_runs."""
    channels = dx.shape[2]
    taps = dy.shape[2] // channels
    count = dx.shape[1]
    for task in prange(dx.shape[0] * count):
        position = task % count
        gradients = dy[task // count]
        total = dx[task // count, position]
        total[:] = 0
        for i in range(starts[position], starts[position + 1]):
            for step in range(runs[i, 2]):
                source = gradients[runs[i, 0] + step]
                tap = taps - 1 - (runs[i, 1] + step)
                for channel in range(channels):
                    for lane in range(LANES):
                        total[channel, lane] += source[channel * taps + tap, lane]
