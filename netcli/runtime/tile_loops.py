"""The tiles of ``netcli.runtime.tiles`` as plain loops: the same sums, to read and to compare with."""

from __future__ import annotations

from netcli.runtime.jit import LANES, kernel
from netcli.runtime.tile_shape import PIXELS, RUN_FIELDS


def prepare(dtype):
    """Nothing is needed: loops are compiled into the kernels that use them."""


prepare_correlate_lanes = prepare


@kernel
def multiply_tiles(
    height,
    weights,
    weight_start,
    weight_step,
    x,
    x_start,
    x_step,
    x_row_step,
    runs,
    starts,
    run_step,
    pairs,
    first,
    last,
    most,
    bias,
    slopes,
    bends,
    bias_start,
    added,
    adds,
    y,
    y_start,
    y_step,
    row_step,
):
    """See ``netcli.runtime.tiles``."""
    for entry in range(PIXELS * first, PIXELS * last):
        pair, pixel = entry // PIXELS, entry % PIXELS
        tile = min(pairs[entry], most)
        source, target = x_start + tile * x_step, y_start + tile * y_step
        for r in range(height):
            for lane in range(LANES):
                y[target + r * row_step + lane] = bias[bias_start + r]
        for run in range(starts[pair * run_step], starts[pair * run_step + 1]):
            fields = run * RUN_FIELDS
            weight_row, length, place = runs[fields], runs[fields + 1], runs[fields + 2 + pixel]
            if place < 0:
                continue
            for j in range(length):
                for r in range(height):
                    weight = weights[weight_start + (weight_row + j) * weight_step + r]
                    for lane in range(LANES):
                        y[target + r * row_step + lane] += weight * x[source + place + j * x_row_step + lane]
        if adds:
            for r in range(height):
                for lane in range(LANES):
                    y[target + r * row_step + lane] += added[target + r * row_step + lane]
        if bends:
            for r in range(height):
                for lane in range(LANES):
                    if not y[target + r * row_step + lane] > 0:
                        y[target + r * row_step + lane] *= slopes[bias_start + r]


@kernel
def correlate_rows(
    rows,
    height,
    vectors,
    x,
    x_start,
    offsets,
    first,
    count,
    transposed,
    transposed_start,
    item_step,
    row_step,
    out,
    out_start,
    out_step,
):
    """See ``netcli.runtime.tiles``."""
    for i in range(count):
        offset = offsets[first + i]
        if offset < 0:
            continue
        for lane in range(LANES):
            row = transposed_start + i * item_step + lane * row_step
            for r in range(rows):
                value = x[x_start + (offset + r) * LANES + lane]
                for column in range(vectors * LANES):
                    out[out_start + r * out_step + column] += value * transposed[row + column]


@kernel
def correlate_lanes(
    rows, outputs, side, x, x_start, offsets, first, count, dy, dy_start, item_step, out, out_start, out_step
):
    """See ``netcli.runtime.tiles``."""
    for i in range(count):
        offset = offsets[first + i]
        if offset < 0:
            continue
        for r in range(rows):
            for k in range(outputs):
                for lane in range(LANES):
                    value = x[x_start + (offset + r) * LANES + lane]
                    gradient = dy[dy_start + i * item_step + k * LANES + lane]
                    out[out_start + r * out_step + k * LANES + lane] += value * gradient


@kernel
def transpose_block(source, source_start, source_step, rows, target, target_start, target_step, columns):
    """See ``netcli.runtime.tiles``."""
    for j in range(columns):
        for k in range(LANES):
            target[target_start + j * target_step + k] = source[source_start + min(k, rows - 1) * source_step + j]
