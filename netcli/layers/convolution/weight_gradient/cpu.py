"""CPU kernels of the gradients of weights and bias of windowed products, in lanes; arrays as in
``convolution.cpu``.

Of each group of outputs the first ``by_columns`` are columns of the tiles that spread x, in blocks of ``_COLUMNS``;
those that would leave most of a vector empty are summed image by image instead. Both go in chunks of the items, an item
being a position of y in one image group, to sums of their own, which ``add_sums`` puts together in order.

x, dy: (G, P, C, L), (G, Q, K, L); offsets, rows: see ``TapOffsets``, a part at a time. bias_sums (chunks, K, L): of dy
along the way, or empty.
"""

from __future__ import annotations

from numba import get_thread_id, prange

from netcli.layers.pooling.cpu import gradient_of_position
from netcli.runtime.jit import LANES, kernel, parallel_kernel
from netcli.runtime.tiles import COLUMN_VECTORS, correlate_lanes, correlate_rows, transpose_block

_COLUMNS = COLUMN_VECTORS * LANES
_CHANNELS_AT_ONCE = 4


@kernel
def _add(total, more):
    for i in range(total.size):
        total[i] += more[i]


@kernel
def _add_items(dy, start, step, count, width, sums, target):
    """sums[target:] += the sum of ``count`` rows of ``width`` values, ``step`` apart."""
    for i in range(count):
        _add(sums[target : target + width], dy[start + i * step : start + i * step + width])


@kernel
def _add_chunks(sums, first, width, chunks, step):
    """sums[first : first + width] += what stands ``step`` behind, twice as far, and so on, in order."""
    for chunk in range(1, chunks):
        _add(sums[first : first + width], sums[first + chunk * step : first + chunk * step + width])


@kernel
def _sum_of_lanes(sums, first):
    total = sums[first]
    for lane in range(1, LANES):
        total += sums[first + lane]
    return total


@kernel
def _add_bias_sums(sums, gradient):
    """gradient (K,) += sums (chunks, K, L), which are lost."""
    width, own = gradient.size * LANES, sums.reshape(-1)
    _add_chunks(own, 0, width, len(sums), width)
    for k in range(gradient.size):
        gradient[k] += _sum_of_lanes(own, k * LANES)


@parallel_kernel
def correlate_windows(x, dy, offsets, rows, groups, by_columns, height, transposed, sums, bias_sums):
    """sums (chunks, groups, blocks, all rows, _COLUMNS) = the correlation of x with dy, for parts of the items.

    transposed: room of (tasks, items at once, LANES, _COLUMNS).
    """
    images, positions, channels, _ = x.shape
    items, outputs = dy.shape[1:3]
    group_channels, group_outputs = channels // groups, outputs // groups
    chunks, _, blocks, all_rows, _ = sums.shape
    at_once = transposed.shape[1]
    values, gradients, table = x.reshape(-1), dy.reshape(-1), offsets.reshape(-1)
    room, own, bias = transposed.reshape(-1), sums.reshape(-1), bias_sums.reshape(-1)
    for task in prange(chunks * groups * blocks):
        block, group, chunk = task % blocks, task // blocks % groups, task // blocks // groups
        first_output = group * group_outputs + block * _COLUMNS
        left = by_columns - block * _COLUMNS
        vectors = 1 if left <= LANES else 2
        width = min(left, _COLUMNS) * LANES
        own_room, start = task * at_once * LANES * _COLUMNS, task * all_rows * _COLUMNS
        bias_start = (chunk * outputs + first_output) * LANES
        own[start : start + all_rows * _COLUMNS] = 0
        if bias.size:
            bias[bias_start : bias_start + width] = 0
        item, last = images * items * chunk // chunks, images * items * (chunk + 1) // chunks
        while item < last:
            image, position = item // items, item % items
            count = min(at_once, min(last - item, items - position))
            dy_start = (item * outputs + first_output) * LANES
            for i in range(count):
                for v in range(vectors):
                    transpose_block(
                        gradients,
                        dy_start + (i * outputs + v * LANES) * LANES,
                        LANES,
                        min(LANES, left - v * LANES),
                        room,
                        own_room + i * LANES * _COLUMNS + v * LANES,
                        _COLUMNS,
                        LANES,
                    )
            if bias.size:
                _add_items(gradients, dy_start, outputs * LANES, count, width, bias, bias_start)
            for part in range(offsets.shape[0]):
                correlate_rows(
                    rows,
                    height,
                    vectors,
                    values,
                    (image * positions * channels + group * group_channels) * LANES,
                    table,
                    part * items + position,
                    count,
                    room,
                    own_room,
                    LANES * _COLUMNS,
                    _COLUMNS,
                    own,
                    start + part * rows * _COLUMNS,
                    _COLUMNS,
                )
            item += count


@kernel
def _spread_to_chosen(pooled, chosen, starts, windows, image, position, count, room, own):
    """room[own:] = the gradients of ``count`` positions, of which those of the pooling's windows are ``pooled``."""
    pools, width = pooled.shape[1], pooled.shape[2] * LANES
    gradients, choices = pooled[image].reshape(pools, width), chosen[image].reshape(pools, width)
    for i in range(count):
        at = position + i
        total = room[own + i * width : own + (i + 1) * width]
        gradient_of_position(gradients, choices, windows, starts[at], starts[at + 1], at, total)


@parallel_kernel
def correlate_windows_in_lanes(
    x, dy, pooled, chosen, starts, windows, offsets, rows, groups, by_columns, side, at_once, room, sums, bias_sums
):
    """sums (chunks, groups, all rows, outputs, LANES): the same for the outputs from ``by_columns`` on, by images.

    dy may have no images. It is then what the gradients of a max pooling, ``pooled`` (G, Q', K, L), with ``chosen`` and
    the table of its windows by position, lead back to; room: of (threads, at_once * K * L) for it, else empty.
    """
    images, positions, channels, _ = x.shape
    items, outputs = dy.shape[1:3]
    group_channels, group_outputs = channels // groups, outputs // groups
    chunks, _, all_rows, made, _ = sums.shape
    width = made * LANES
    values, table = x.reshape(-1), offsets.reshape(-1)
    gradients = room.reshape(-1) if room.size else dy.reshape(-1)
    own, bias = sums.reshape(-1), bias_sums.reshape(-1)
    for task in prange(chunks * groups):
        group, chunk = task % groups, task // groups
        first_output = group * group_outputs + by_columns
        start, bias_start = task * all_rows * width, (chunk * outputs + first_output) * LANES
        own[start : start + all_rows * width] = 0
        if bias.size:
            bias[bias_start : bias_start + width] = 0
        item, last = images * items * chunk // chunks, images * items * (chunk + 1) // chunks
        while item < last:
            image, position = item // items, item % items
            count = min(at_once, min(last - item, items - position))
            dy_start = (item * outputs + first_output) * LANES
            if room.size:
                mine = get_thread_id() * room.shape[1]
                dy_start = mine + first_output * LANES
                _spread_to_chosen(pooled, chosen, starts, windows, image, position, count, gradients, mine)
            if bias.size:
                _add_items(gradients, dy_start, outputs * LANES, count, width, bias, bias_start)
            for part in range(offsets.shape[0]):
                correlate_lanes(
                    rows,
                    made,
                    side,
                    values,
                    (image * positions * channels + group * group_channels) * LANES,
                    table,
                    part * items + position,
                    count,
                    gradients,
                    dy_start,
                    outputs * LANES,
                    own,
                    start + part * rows * width,
                    width,
                )
            item += count


@parallel_kernel
def add_sums(sums, lane_sums, bias_sums, by_columns, gradient, bias_gradient):
    """gradient (K, C / groups, T) and bias_gradient (K,) += the sums over the chunks, which are lost; see above.

    A task has some channels, since the gradients of an output for them stand in one piece.
    """
    groups, blocks, all_rows = sums.shape[1:4]
    group_outputs = gradient.shape[0] // groups
    channels, taps = gradient.shape[1:]
    by_lanes = lane_sums.shape[3]
    by_column, by_lane = sums.reshape(-1), lane_sums.reshape(-1)
    width = by_lanes * LANES
    parts = (channels + _CHANNELS_AT_ONCE - 1) // _CHANNELS_AT_ONCE
    for task in prange(groups * parts):
        group, part = task // parts, task % parts
        first, last = channels * part // parts, channels * (part + 1) // parts
        for block in range(blocks):
            start = (group * blocks + block) * all_rows * _COLUMNS
            for tap in range(taps):
                row = start + (tap * channels + first) * _COLUMNS
                step = groups * blocks * all_rows * _COLUMNS
                _add_chunks(by_column, row, (last - first) * _COLUMNS, len(sums), step)
            for k in range(min(_COLUMNS, by_columns - block * _COLUMNS)):
                target = gradient[group * group_outputs + block * _COLUMNS + k]
                for channel in range(first, last):
                    for tap in range(taps):
                        target[channel, tap] += by_column[start + (tap * channels + channel) * _COLUMNS + k]
        for channel in range(first, last):
            for tap in range(taps):
                start = (group * all_rows + tap * channels + channel) * width
                _add_chunks(by_lane, start, width, len(lane_sums), groups * all_rows * width)
                for k in range(by_lanes):
                    output = group * group_outputs + by_columns + k
                    gradient[output, channel, tap] += _sum_of_lanes(by_lane, start + k * LANES)
    _add_bias_sums(bias_sums, bias_gradient)


@parallel_kernel
def add_bias_gradient(dy, sums, gradient):
    """gradient (K,) += the sum of dy over images and positions; sums: room of (chunks, K, L)."""
    chunks, outputs, _ = sums.shape
    items, width = dy.shape[0] * dy.shape[1], outputs * LANES
    values, own = dy.reshape(-1), sums.reshape(-1)
    for chunk in prange(chunks):
        first, last = items * chunk // chunks, items * (chunk + 1) // chunks
        own[chunk * width : (chunk + 1) * width] = 0
        _add_items(values, first * width, width, last - first, width, own, chunk * width)
    _add_bias_sums(sums, gradient)
