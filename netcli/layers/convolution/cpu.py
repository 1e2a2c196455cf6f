"""CPU kernels of windowed products, in lanes.

x: (G, P, C, L), y: (G, Q, K, L): L images of each of G groups, P input and Q output positions, C channels, K
outputs; both channels are split alike into ``groups`` parts that do not see each other. The weights are
plain, (K, C / groups, T) for T taps. Tables: see ``netcli.layers.convolution.tap_tables``; the sums themselves:
``netcli.runtime.tiles``.

Tasks are cut by the shapes alone, never by the number of threads: so a result does not depend on it.
"""

from __future__ import annotations

from numba import prange

from netcli.runtime.jit import LANES, kernel, parallel_kernel
from netcli.runtime.tiles import multiply_tiles, transpose_block

_ANY_POSITION = 1 << 31
_PAIRS_AT_ONCE = 14
"""Pairs of positions that share a panel of weights while it is in the first cache."""


@kernel
def _blocks(outputs, height):
    """Parts of at most ``height`` into which ``outputs`` are cut, as even as can be."""
    return (outputs + height - 1) // height


@parallel_kernel
def pack_weights(weights, groups, for_backward, height, packed):
    """weights (K, C / groups, T) -> packed (groups, blocks, rows, LANES): for each block of outputs a panel.

    Rows are the multiplied channels of each tap. Forward: tap t, channel c -> row t C / groups + c, outputs k.
    For the data gradient k and c change places and the taps run backwards, as in ``backward_runs``. Columns beyond
    the outputs of the block hold anything finite.
    """
    outputs = weights.shape[0] // groups
    channels, taps = weights.shape[1:]
    made, summed = (channels, outputs) if for_backward else (outputs, channels)
    blocks = packed.shape[1]
    values, panels = weights.reshape(-1), packed.reshape(-1)
    for task in prange(groups * blocks):
        group, block = task // blocks, task % blocks
        first = made * block // blocks
        count = made * (block + 1) // blocks - first
        panel = task * summed * taps * LANES
        if taps == 1 and for_backward:
            for row in range(summed):
                start, target = (group * outputs + row) * channels + first, panel + row * LANES
                for column in range(count):
                    panels[target + column] = values[start + column]
        elif taps == 1:
            start = (group * outputs + first) * channels
            for row in range(0, summed, LANES):
                pack_block(
                    values, start + row, channels, count, panels, panel + row * LANES, LANES, min(LANES, summed - row)
                )
        else:
            for row in range(summed):
                if for_backward:
                    start, step = ((group * outputs + row) * channels + first) * taps, taps
                    target, target_step = panel + ((taps - 1) * summed + row) * LANES, -summed * LANES
                else:
                    start, step = ((group * outputs + first) * channels + row) * taps, channels * taps
                    target, target_step = panel + row * LANES, summed * LANES
                for tap in range(0, taps, LANES):
                    pack_block(
                        values,
                        start + tap,
                        step,
                        count,
                        panels,
                        target + tap * target_step,
                        target_step,
                        min(LANES, taps - tap),
                    )


@kernel
def pack_block(values, start, step, rows, panels, target, target_step, columns):
    """panels[j][k] = values[k][j], up to LANES rows k and columns j; whole vectors where values go on far enough."""
    if start + (rows - 1) * step + LANES <= values.size:
        transpose_block(values, start, step, rows, panels, target, target_step, columns)
    else:
        for j in range(columns):
            for k in range(rows):
                panels[target + j * target_step + k] = values[start + k * step + j]


@kernel
def multiply_pairs(
    x,
    x_start,
    group_step,
    row_step,
    pairs,
    first_pair,
    last_pair,
    starts,
    runs,
    weights,
    first_block,
    last_block,
    bias,
    slopes,
    outputs,
    added,
    y,
    y_start,
    output_step,
    position_step,
):
    """Those pairs of positions and blocks of outputs of one image group; see ``multiply_windows``."""
    groups, blocks, summed, _ = weights.shape
    group_outputs = outputs // groups
    table, panels, places = runs.reshape(-1), weights.reshape(-1), pairs.reshape(-1)
    for some in range(first_pair, last_pair, _PAIRS_AT_ONCE):
        for both in range(first_block, last_block):
            group, block = both // blocks, both % blocks
            first = group_outputs * block // blocks
            output = group * group_outputs + first
            multiply_tiles(
                group_outputs * (block + 1) // blocks - first,
                panels,
                both * summed * LANES,
                LANES,
                x,
                x_start + group * group_step,
                0,
                row_step,
                table,
                starts,
                1,
                places,
                some,
                min(some + _PAIRS_AT_ONCE, last_pair),
                _ANY_POSITION,
                bias,
                slopes,
                min(slopes.size, 1),
                output,
                added,
                min(added.size, 1),
                y,
                y_start + output * output_step,
                position_step,
                output_step,
            )


@parallel_kernel
def multiply_windows(
    x,
    x_steps,
    pairs,
    starts,
    runs,
    weights,
    bias,
    slopes,
    images,
    groups,
    outputs,
    parts,
    output_parts,
    added,
    y,
    y_steps,
):
    """y = bias + weights times the windows of x: a forward pass, or a data gradient with the backward tables.

    x, y: flat, in lanes or not. x_steps: from image to image, from group to group, from channel to channel;
    y_steps: from image to image, from output to output, from one of the positions that ``pairs`` counts to the
    next. weights: as packed, of ``outputs`` in all; bias: (outputs,) or more. ``added``, like y or empty, is added to
    the sums, and what is then not above 0 is multiplied by its output's ``slopes``, if there are any. The pairs are cut
    into ``parts`` and the blocks of outputs into ``output_parts``, so that few images still keep all threads busy.
    """
    blocks = groups * weights.shape[1]
    for task in prange(images * parts * output_parts):
        output_part, part = task % output_parts, task // output_parts % parts
        image = task // output_parts // parts
        multiply_pairs(
            x,
            image * x_steps[0],
            x_steps[1],
            x_steps[2],
            pairs,
            len(pairs) * part // parts,
            len(pairs) * (part + 1) // parts,
            starts,
            runs,
            weights,
            blocks * output_part // output_parts,
            blocks * (output_part + 1) // output_parts,
            bias,
            slopes,
            outputs,
            added,
            y,
            image * y_steps[0],
            y_steps[1],
            y_steps[2],
        )


@parallel_kernel
def spread_positions(x, places, wide):
    """wide (G, P', C, L): x (G, P, C, L) with the position p at ``places[p]``; what is elsewhere stays."""
    positions = x.shape[1]
    for task in prange(x.shape[0] * positions):
        source = x[task // positions, task % positions].reshape(-1)
        target = wide[task // positions, places[task % positions]].reshape(-1)
        for i in range(source.size):
            target[i] = source[i]


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
