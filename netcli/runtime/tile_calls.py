"""The emitted tiles as functions of their own, which kernels call: compiled once for a type, and not in every kernel.

They take longer to compile than everything else, and numba compiles what one function calls again in each that calls
it. So they are compiled as C functions, cached like kernels, and known to the linker by name. A kernel that comes from
the cache expects the names to be there: prepare before the first kernel that works on tiles of a type.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numba import carray, from_dtype, types
from numba.extending import intrinsic

from netcli.runtime import emitted_tiles
from netcli.runtime.emitter import Emitter, are_values, is_table
from netcli.runtime.jit import LANES, linked_function
from netcli.runtime.tile_shape import PIXELS

_ANY = (1,)
"""The length of an array of which only the beginning is used."""


def _multiply(height, weights, weight_start, weight_step, x, x_start, x_step, x_row_step, runs, starts, run_step, pairs,
              first, last, most, bias, slopes, bends, bias_start, added, adds, y, y_start, y_step,
              row_step):  # fmt: skip
    for pair in range(first, last):
        one, other = pairs[PIXELS * pair], min(pairs[PIXELS * pair + 1], most)
        emitted_tiles.multiply_tile(
            height,
            1 if one == other else PIXELS,
            carray(weights, _ANY),
            weight_start,
            weight_step,
            carray(x, _ANY),
            x_start + one * x_step,
            x_start + other * x_step,
            x_row_step,
            carray(runs, _ANY),
            starts[pair * run_step],
            starts[pair * run_step + 1],
            carray(bias, _ANY),
            carray(slopes, _ANY),
            bends,
            bias_start,
            carray(added, _ANY),
            adds,
            carray(y, _ANY),
            y_start + one * y_step,
            y_start + other * y_step,
            row_step,
        )


def _correlate(rows, height, vectors, x, x_start, offsets, first, count, transposed, transposed_start, item_step,
               row_step, out, out_start, out_step):  # fmt: skip
    parts = (rows + height - 1) // height
    for part in range(parts):
        row = rows * part // parts
        emitted_tiles.correlate_tile(
            rows * (part + 1) // parts - row,
            vectors,
            carray(x, _ANY),
            x_start + row * LANES,
            carray(offsets, _ANY),
            first,
            count,
            carray(transposed, _ANY),
            transposed_start,
            item_step,
            row_step,
            carray(out, _ANY),
            out_start + row * out_step,
            out_step,
        )


def _correlate_lanes(rows, outputs, side, x, x_start, offsets, first, count, dy, dy_start, item_step, out, out_start,
                     out_step):  # fmt: skip
    row_parts, output_parts = (rows + side - 1) // side, (outputs + side - 1) // side
    for part in range(row_parts):
        row = rows * part // row_parts
        for output_part in range(output_parts):
            output = outputs * output_part // output_parts
            emitted_tiles.correlate_lanes_tile(
                rows * (part + 1) // row_parts - row,
                outputs * (output_part + 1) // output_parts - output,
                carray(x, _ANY),
                x_start + row * LANES,
                carray(offsets, _ANY),
                first,
                count,
                carray(dy, _ANY),
                dy_start + output * LANES,
                item_step,
                carray(out, _ANY),
                out_start + row * out_step + output * LANES,
                out_step,
            )


def _argument_types(dtype: np.dtype) -> tuple[Any, Any, Any, Any]:
    """numba's types of a value of ``dtype``, of arrays of them and of tables as pointers, and of a number."""
    value = from_dtype(dtype)
    return value, types.CPointer(value), types.CPointer(types.int32), types.intp


@functools.cache
def prepare(dtype: np.dtype) -> None:
    """Makes ``multiply_tiles`` and ``correlate_rows`` known to the linker, compiled now or taken from the cache."""
    value, array, table, number = _argument_types(dtype)
    multiply = [
        number, array, number, number, array, number, number, number, table, table, number, table, number, number,
        number, array, array, number, number, array, number, array, number, number, number,
    ]  # fmt: skip
    correlate = [
        number, number, number, array, number, table, number, number, array, number, number, number, array, number,
        number,
    ]  # fmt: skip
    linked_function(_symbol("multiply", value), types.void(*multiply), _multiply)
    linked_function(_symbol("correlate", value), types.void(*correlate), _correlate)


@functools.cache
def prepare_correlate_lanes(dtype: np.dtype) -> None:
    """As ``prepare``, for ``correlate_lanes``, which few nets need."""
    value, array, table, number = _argument_types(dtype)
    arguments = [
        number, number, number, array, number, table, number, number, array, number, number, array, number, number,
    ]  # fmt: skip
    linked_function(_symbol("correlate_lanes", value), types.void(*arguments), _correlate_lanes)


def _symbol(name: str, value: Any) -> str:
    return f"netcli_{name}_{value.name}"


def _call(name: str, value: Any) -> Any:
    """What emits the call of a tile: arrays are passed as pointers."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emitter = Emitter(context, builder, signature, arguments)
        passed = [
            emitter.data(index) if isinstance(kind, types.Array) else argument
            for index, (kind, argument) in enumerate(zip(signature.args, arguments, strict=True))
        ]
        emitter.call(_symbol(name, value), passed)
        return context.get_dummy_value()

    return generate


@intrinsic
def multiply_tiles(
    typing_context: Any,
    height: Any,
    weights: Any,
    weight_start: Any,
    weight_step: Any,
    x: Any,
    x_start: Any,
    x_step: Any,
    x_row_step: Any,
    runs: Any,
    starts: Any,
    run_step: Any,
    pairs: Any,
    first: Any,
    last: Any,
    most: Any,
    bias: Any,
    slopes: Any,
    bends: Any,
    bias_start: Any,
    added: Any,
    adds: Any,
    y: Any,
    y_start: Any,
    y_step: Any,
    row_step: Any,
) -> Any:
    """See ``netcli.runtime.tiles``."""
    if not (are_values(weights, x, bias, slopes, added, y) and is_table(runs) and is_table(starts) and is_table(pairs)):
        return None
    place = types.intp
    return types.void(
        place,
        weights,
        place,
        place,
        x,
        place,
        place,
        place,
        runs,
        starts,
        place,
        pairs,
        place,
        place,
        place,
        bias,
        slopes,
        place,
        place,
        added,
        place,
        y,
        place,
        place,
        place,
    ), _call("multiply", x.dtype)


@intrinsic
def correlate_rows(
    typing_context: Any,
    rows: Any,
    height: Any,
    vectors: Any,
    x: Any,
    x_start: Any,
    offsets: Any,
    first: Any,
    count: Any,
    transposed: Any,
    transposed_start: Any,
    item_step: Any,
    row_step: Any,
    out: Any,
    out_start: Any,
    out_step: Any,
) -> Any:
    """See ``netcli.runtime.tiles``."""
    if not (are_values(x, transposed, out) and is_table(offsets)):
        return None
    place = types.intp
    return types.void(
        place, place, place, x, place, offsets, place, place, transposed, place, place, place, out, place, place
    ), _call("correlate", x.dtype)


@intrinsic
def correlate_lanes(
    typing_context: Any,
    rows: Any,
    outputs: Any,
    side: Any,
    x: Any,
    x_start: Any,
    offsets: Any,
    first: Any,
    count: Any,
    dy: Any,
    dy_start: Any,
    item_step: Any,
    out: Any,
    out_start: Any,
    out_step: Any,
) -> Any:
    """See ``netcli.runtime.tiles``."""
    if not (are_values(x, dy, out) and is_table(offsets)):
        return None
    place = types.intp
    return types.void(place, place, place, x, place, offsets, place, place, dy, place, place, out, place, place), _call(
        "correlate_lanes", x.dtype
    )
