"""CPU kernels of Winograd's convolution, in lanes: see ``transforms`` for the equations.

x: (G, P, C, L), y: (G, Q, K, L), weights (K, C / groups, 9), as in ``cpu``; a tile is a square of 4 x 4 positions of
y, in one image group. ``inputs`` (tiles, 36) and ``outputs`` (tiles, 16), int32: where a tile's values stand within an
image group, -1 outside. Of a tile 36 frequencies f are left, each with a matrix product of its own:

    m[f, tile, k] = sum over c of u[f, k, c] v[f, tile, c]         u, v, m: transformed filters, inputs, outputs
    u'[f, c, k]   = sum over tiles of v[f, tile, c] d[f, tile, k]  d: transformed gradients of outputs

Tiles go through in blocks that stay in the second cache. ``room`` is (tasks that run at once, values).
"""

from __future__ import annotations

from numba import carray, get_thread_id, prange

from netcli.layers.convolution.cpu import pack_block
from netcli.layers.convolution.winograd.geometry import OUTPUTS, TAPS, TILE
from netcli.layers.convolution.winograd.transforms import (
    transform_filter,
    transform_filter_gradient,
    transform_input,
    transform_output,
    transform_output_gradient,
)
from netcli.runtime.jit import LANES, kernel, parallel_kernel
from netcli.runtime.tiles import COLUMN_VECTORS, correlate_rows, multiply_tiles, transpose_block
from netcli.runtime.vectors import stack_memory

COLUMNS = COLUMN_VECTORS * LANES
"""Outputs side by side in a weight gradient."""
_FILTER_VALUES = TAPS * LANES
_GRADIENT_VALUES = TAPS * COLUMNS
PIXEL_VALUES = OUTPUTS * LANES * COLUMNS
"""Room for the transposed outputs of a tile."""
_SKEW = LANES
"""Values between frequencies, lest all of them fall into the same lines of the cache."""


@kernel
def square_values(tiles, channels):
    """Room for the 36 frequencies of so many tiles."""
    return TILE * (tiles * channels * LANES + _SKEW)


@kernel
def _pack_filter(values, start, step, count, taps, first, tap_step):
    """The nine taps of ``count`` filters that stand ``step`` apart, as vectors that stand ``tap_step`` apart."""
    for tap in range(0, TAPS, LANES):
        pack_block(values, start + tap, step, count, taps, first + tap * tap_step, tap_step, min(LANES, TAPS - tap))


@parallel_kernel
def transform_filters(weights, groups, for_backward, filters):
    """weights -> filters (36, groups, blocks, rows, LANES): a panel for each frequency and block of outputs.

    For the data gradient k and c change places and the filter is turned around, as in ``cpu.pack_weights``.
    """
    outputs = weights.shape[0] // groups
    channels = weights.shape[1]
    made, summed = (channels, outputs) if for_backward else (outputs, channels)
    blocks = filters.shape[2]
    values, panels = weights.reshape(-1), filters.reshape(-1)
    step = groups * blocks * summed * LANES
    for task in prange(groups * blocks * summed):
        row, block, group = task % summed, task // summed % blocks, task // summed // blocks
        first = made * block // blocks
        count = made * (block + 1) // blocks - first
        taps = carray(stack_memory(values, _FILTER_VALUES), (_FILTER_VALUES,))
        if for_backward:
            start = ((group * outputs + row) * channels + first) * TAPS
            _pack_filter(values, start, TAPS, count, taps, (TAPS - 1) * LANES, -LANES)
        else:
            start = ((group * outputs + first) * channels + row) * TAPS
            _pack_filter(values, start, channels * TAPS, count, taps, 0, LANES)
        transform_filter(taps, 0, LANES, panels, task * LANES, step)


@kernel
def _transform_inputs(values, inputs, first, count, image_step, channels, room, room_start, step):
    """v of ``count`` tiles of all images, of some neighbouring channels; values: from the first channel on."""
    tiles = len(inputs)
    for i in range(count):
        image, tile = (first + i) // tiles, (first + i) % tiles
        places = inputs[tile]
        for channel in range(channels):
            transform_input(
                values,
                image * image_step + channel * LANES,
                places,
                room,
                room_start + (i * channels + channel) * LANES,
                step,
            )


@parallel_kernel
def multiply_frequencies(
    x, inputs, filters, bias, slopes, groups, parts, splits, runs, one_run, pairs, zeros, room, outputs, y
):
    """y = bias + the convolution of x, with ``slopes`` (outputs,) or none of what is not above 0.

    The tiles of all images are cut into ``parts``, and the blocks of outputs into ``splits``, so that few tiles still
    keep all threads busy. runs: the one run (0, C / groups, 0, 0); one_run: (0, 1); pairs: 0, 1, 2 and so on, as many
    as a part can have tiles; zeros: LANES zeros.
    """
    images, positions, channels, _ = x.shape
    results, made = y.shape[1:3]
    group_channels, group_made = channels // groups, made // groups
    blocks = filters.shape[2]
    tiles = images * len(inputs)
    values, targets, panels, table = x.reshape(-1), y.reshape(-1), filters.reshape(-1), runs.reshape(-1)
    for task in prange(parts * groups * splits):
        split, group, part = task % splits, task // splits % groups, task // splits // groups
        first_tile = tiles * part // parts
        count = tiles * (part + 1) // parts - first_tile
        first_block, last_block = blocks * split // splits, blocks * (split + 1) // splits
        first_made = group_made * first_block // blocks
        width = group_made * last_block // blocks - first_made
        own = room[get_thread_id()]
        step, products = count * group_channels * LANES + _SKEW, square_values(count, group_channels)
        product_step = count * width * LANES + _SKEW
        _transform_inputs(
            values[group * group_channels * LANES :],
            inputs,
            first_tile,
            count,
            positions * channels * LANES,
            group_channels,
            own,
            0,
            step,
        )
        for frequency in range(TILE):
            for block in range(first_block, last_block):
                first = group_made * block // blocks
                height = group_made * (block + 1) // blocks - first
                panel = ((frequency * groups + group) * blocks + block) * group_channels * LANES
                multiply_tiles(
                    height,
                    panels,
                    panel,
                    LANES,
                    own,
                    frequency * step,
                    group_channels * LANES,
                    LANES,
                    table,
                    one_run,
                    0,
                    pairs,
                    0,
                    (count + 1) // 2,
                    count - 1,
                    zeros,
                    zeros,
                    0,
                    0,
                    own,
                    0,
                    own,
                    products + frequency * product_step + (first - first_made) * LANES,
                    width * LANES,
                    LANES,
                )
        for i in range(count):
            image, tile = (first_tile + i) // len(inputs), (first_tile + i) % len(inputs)
            for k in range(width):
                output = group * group_made + first_made + k
                transform_output(
                    own,
                    products + (i * width + k) * LANES,
                    product_step,
                    targets,
                    (image * results * made + output) * LANES,
                    outputs[tile],
                    bias,
                    slopes,
                    min(slopes.size, 1),
                    output,
                )


@kernel
def _transform_gradients(values, start, made, outputs, first, count, room, room_start, step, pixels, places):
    """d of ``count`` tiles and up to COLUMNS outputs: rows of lanes, transposed. pixels, places: room for a tile."""
    for i in range(count):
        for pixel in range(OUTPUTS):
            place = outputs[first + i, pixel]
            places[pixel] = -1
            if place >= 0:
                places[pixel] = pixel * LANES * COLUMNS
                for column in range(0, made, LANES):
                    transpose_block(
                        values,
                        start + place + column * LANES,
                        LANES,
                        min(LANES, made - column),
                        pixels,
                        pixel * LANES * COLUMNS + column,
                        COLUMNS,
                        LANES,
                    )
        for row in range(LANES):
            for column in range(0, made, LANES):
                transform_output_gradient(
                    pixels,
                    row * COLUMNS + column,
                    places,
                    room,
                    room_start + (i * LANES + row) * COLUMNS + column,
                    step,
                )


@kernel
def _correlate_frequency(v, v_start, rows, height, d, d_start, columns, count, steps, sums, sums_start):
    """u' of one frequency and up to COLUMNS outputs, added to ``sums`` (rows, COLUMNS) from sums_start."""
    correlate_rows(
        rows,
        height,
        1 if columns <= LANES else 2,
        v,
        v_start,
        steps,
        0,
        count,
        d,
        d_start,
        LANES * COLUMNS,
        COLUMNS,
        sums,
        sums_start,
        COLUMNS,
    )


@parallel_kernel
def correlate_tiles(x, inputs, dy, outputs, groups, height, tiles_at_once, steps, room, tile_places, sums):
    """sums (chunks, groups, blocks, 36, C / groups, COLUMNS) = u' of each chunk of the tiles of all images.

    For few channels: the sums of a chunk stay in the cache, and so do the tiles of a block. steps: (i C / groups).
    """
    images, positions, channels, _ = x.shape
    results, made = dy.shape[1:3]
    group_channels, group_made = channels // groups, made // groups
    chunks, _, blocks = sums.shape[:3]
    values, gradients, totals = x.reshape(-1), dy.reshape(-1), sums.reshape(-1)
    tiles = len(inputs)
    for task in prange(chunks * groups):
        group, chunk = task % groups, task // groups
        own = room[get_thread_id()]
        own_sums = task * blocks * TILE * group_channels * COLUMNS
        totals[own_sums : own_sums + blocks * TILE * group_channels * COLUMNS] = 0
        d_start = square_values(tiles_at_once, group_channels)
        pixels = own[d_start + square_values(tiles_at_once, COLUMNS) :]
        tile, last = images * tiles * chunk // chunks, images * tiles * (chunk + 1) // chunks
        while tile < last:
            image, first = tile // tiles, tile % tiles
            count = min(tiles_at_once, min(last - tile, tiles - first))
            step, d_step = count * group_channels * LANES + _SKEW, count * LANES * COLUMNS + _SKEW
            _transform_inputs(
                values[group * group_channels * LANES :],
                inputs,
                tile,
                count,
                positions * channels * LANES,
                group_channels,
                own,
                0,
                step,
            )
            for block in range(blocks):
                column = block * COLUMNS
                columns = min(COLUMNS, group_made - column)
                start = (image * results * made + group * group_made + column) * LANES
                _transform_gradients(
                    gradients,
                    start,
                    columns,
                    outputs,
                    first,
                    count,
                    own,
                    d_start,
                    d_step,
                    pixels,
                    tile_places[get_thread_id()],
                )
                for frequency in range(TILE):
                    _correlate_frequency(
                        own,
                        frequency * step,
                        group_channels,
                        height,
                        own,
                        d_start + frequency * d_step,
                        columns,
                        count,
                        steps,
                        totals,
                        own_sums + (block * TILE + frequency) * group_channels * COLUMNS,
                    )
            tile += count


@parallel_kernel
def transform_tiles(x, inputs, dy, outputs, groups, first, v, d, pixels, tile_places):
    """v (groups, 36, tiles, C / groups, L) and d (groups, blocks, 36, tiles, L, COLUMNS) from tile ``first`` on."""
    positions, channels = x.shape[1:3]
    results, made = dy.shape[1:3]
    group_channels, group_made = channels // groups, made // groups
    blocks = d.shape[1]
    tiles, count = len(inputs), v.shape[2]
    values, gradients, v_values, d_values = x.reshape(-1), dy.reshape(-1), v.reshape(-1), d.reshape(-1)
    step, d_step = count * group_channels * LANES, count * LANES * COLUMNS
    for task in prange(count * groups):
        group, i = task % groups, task // groups
        image, tile = (first + i) // tiles, (first + i) % tiles
        target = (group * TILE * count + i) * group_channels * LANES
        _transform_inputs(
            values[group * group_channels * LANES :],
            inputs,
            first + i,
            1,
            positions * channels * LANES,
            group_channels,
            v_values,
            target,
            step,
        )
        for block in range(blocks):
            column = block * COLUMNS
            columns = min(COLUMNS, group_made - column)
            start = (image * results * made + group * group_made + column) * LANES
            target = ((group * blocks + block) * TILE * count + i) * LANES * COLUMNS
            _transform_gradients(
                gradients,
                start,
                columns,
                outputs,
                tile,
                1,
                d_values,
                target,
                d_step,
                pixels[get_thread_id()],
                tile_places[get_thread_id()],
            )


@parallel_kernel
def correlate_frequencies(v, d, outputs, height, steps, fresh, sums):
    """sums (1, groups, blocks, 36, C / groups, COLUMNS) += u' of the tiles in v and d, from 0 on if ``fresh``.

    ``outputs``: in all.
    """
    groups, _, tiles, channels, _ = v.shape
    blocks = d.shape[1]
    v_values, d_values, totals = v.reshape(-1), d.reshape(-1), sums.reshape(-1)
    for task in prange(groups * TILE * blocks):
        block, frequency, group = task % blocks, task // blocks % TILE, task // blocks // TILE
        at = (group * blocks + block) * TILE + frequency
        if fresh:
            totals[at * channels * COLUMNS : (at + 1) * channels * COLUMNS] = 0
        _correlate_frequency(
            v_values,
            (group * TILE + frequency) * tiles * channels * LANES,
            channels,
            height,
            d_values,
            at * tiles * LANES * COLUMNS,
            min(COLUMNS, outputs // groups - block * COLUMNS),
            tiles,
            steps,
            totals,
            at * channels * COLUMNS,
        )


@parallel_kernel
def add_tile_gradients(sums, gradient):
    """gradient (K, C / groups, 9) += the filters' gradients of ``sums``, over the chunks in order."""
    chunks, groups, blocks, _, channels, _ = sums.shape
    outputs = gradient.shape[0] // groups
    for task in prange(groups * blocks * channels):
        channel, block, group = task % channels, task // channels % blocks, task // channels // blocks
        for frequency in range(TILE):
            total = sums[0, group, block, frequency, channel]
            for chunk in range(1, chunks):
                part = sums[chunk, group, block, frequency, channel]
                for k in range(COLUMNS):
                    total[k] += part[k]
        totals = sums[0, group, block].reshape(-1)
        taps = carray(stack_memory(totals, _GRADIENT_VALUES), (_GRADIENT_VALUES,))
        for column in range(0, COLUMNS, LANES):
            transform_filter_gradient(totals, channel * COLUMNS + column, channels * COLUMNS, taps, column, COLUMNS)
        first = block * COLUMNS
        for k in range(min(COLUMNS, outputs - first)):
            target = gradient[group * outputs + first + k, channel]
            for tap in range(TAPS):
                target[tap] += taps[tap * COLUMNS + k]
