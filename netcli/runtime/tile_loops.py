"""The tiles of ``netcli.runtime.tiles`` as plain loops: the same sums, to read and to compare with."""

from __future__ import annotations

from netcli.runtime.jit import LANES, kernel
from netcli.runtime.tile_shape import RUN_FIELDS


@kernel
def multiply_tile(
    height,
    weights,
    weight_start,
    weight_step,
    x,
    x_start_0,
    x_start_1,
    runs,
    first_run,
    last_run,
    bias,
    bias_start,
    y,
    y_start_0,
    y_start_1,
    y_step,
):
    """See ``netcli.runtime.tiles``."""
    for x_start, y_start, place in ((x_start_0, y_start_0, 2), (x_start_1, y_start_1, 3)):
        for r in range(height):
            for lane in range(LANES):
                y[y_start + r * y_step + lane] = bias[bias_start + r]
        for run in range(first_run, last_run):
            weight_row, length, row = runs[run * RUN_FIELDS], runs[run * RUN_FIELDS + 1], runs[run * RUN_FIELDS + place]
            if row < 0:
                continue
            for j in range(length):
                for r in range(height):
                    weight = weights[weight_start + (weight_row + j) * weight_step + r]
                    for lane in range(LANES):
                        y[y_start + r * y_step + lane] += weight * x[x_start + (row + j) * LANES + lane]


@kernel
def correlate_tile(
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
            for r in range(height):
                value = x[x_start + (offset + r) * LANES + lane]
                for column in range(vectors * LANES):
                    out[out_start + r * out_step + column] += value * transposed[row + column]


@kernel
def transpose_block(source, source_start, source_step, rows, target, target_start, target_step, columns):
    """See ``netcli.runtime.tiles``."""
    for j in range(columns):
        for k in range(LANES):
            target[target_start + j * target_step + k] = source[source_start + min(k, rows - 1) * source_step + j]
