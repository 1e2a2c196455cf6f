"""One tile each of the products of ``netcli.runtime.tiles``, as vector code.

Each is emitted for every height R up to ``tile_height``, behind a switch, as loops whose sums are values, not memory:
what numba makes of such a loop depends on LLVM's mood, and a sum that goes through memory costs four times as much.
With 16 lanes, 14 x 2 vectors of sums, 2 of x and one spread weight are 31 of the 32 registers; otherwise there are 16.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from netcli.runtime.emitter import Emitter, are_values, constant, is_negative, is_table
from netcli.runtime.jit import LANES
from netcli.runtime.tile_shape import COLUMN_VECTORS, PIXELS, RUN_FIELDS, tile_height, tile_side

_UNROLLED = 2
_WEIGHTS_AHEAD, _VALUES_AHEAD = 40, 8
"""Rows of weights and of x that are asked for before they are needed. The machine sees by itself that rows follow each
other, but looks ahead too little where they come from beyond the second cache: with one image SphereFace-20 takes 21 ms
without, and 17.5 so."""


@intrinsic
def multiply_tile(
    typing_context: Any,
    height: Any,
    pixels: Any,
    weights: Any,
    weight_start: Any,
    weight_step: Any,
    x: Any,
    x_start_0: Any,
    x_start_1: Any,
    x_row_step: Any,
    runs: Any,
    first_run: Any,
    last_run: Any,
    bias: Any,
    slopes: Any,
    bends: Any,
    bias_start: Any,
    added: Any,
    adds: Any,
    y: Any,
    y_start_0: Any,
    y_start_1: Any,
    y_step: Any,
) -> Any:
    """One pair of tiles, whose runs are ``first_run`` to ``last_run``, or with 1 of ``pixels`` the first of them.

    Otherwise as ``multiply_tiles``.
    """
    if not (are_values(weights, x, bias, slopes, added, y) and is_table(runs)):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        tile = Emitter(context, builder, signature, arguments)
        data = {"weights": tile.at(2, 3), "bias": tile.at(12, 15), "slopes": tile.at(13, 15)}
        weight_step, x_row_step, y_step = arguments[4], arguments[8], arguments[21]
        bases = [tile.at(5, 6), tile.at(5, 7)]
        others, targets = [tile.at(16, 19), tile.at(16, 20)], [tile.at(18, 19), tile.at(18, 20)]
        table, first, last = tile.data(9), arguments[10], arguments[11]

        def case(rows: int, pixels: int) -> None:
            start = [tile.spread(tile.load_item(tile.moved(data["bias"], r))) for r in range(rows)]
            sums = [start[r] for r in range(rows) for _ in range(pixels)]

            def add_run(index: Any, sums: list[Any]) -> list[Any]:
                entry = tile.moved(table, builder.mul(builder.add(first, index), constant(RUN_FIELDS)))
                weight_row, length, *places = (tile.load_short(tile.moved(entry, i)) for i in range(RUN_FIELDS))
                weights = tile.moved(data["weights"], builder.mul(weight_row, weight_step))
                sources = [tile.source(bases[p], places[p], x_row_step) for p in range(pixels)]
                return _add_rows(tile, rows, length, (weights, weight_step), sources, sums)

            def add(_: Any, sums: list[Any]) -> list[Any]:
                rows_added = [
                    tile.load(tile.moved(others[p], builder.mul(y_step, constant(r))))
                    for r in range(rows)
                    for p in range(pixels)
                ]
                return [builder.fadd(value, other) for value, other in zip(sums, rows_added, strict=True)]

            def bend(_: Any, sums: list[Any]) -> list[Any]:
                slopes = [tile.spread(tile.load_item(tile.moved(data["slopes"], r))) for r in range(rows)]
                return [tile.bent(value, slopes[k // pixels]) for k, value in enumerate(sums)]

            sums = tile.repeat(builder.sub(last, first), sums, add_run)
            sums = tile.repeat(arguments[17], sums, add)
            sums = tile.repeat(arguments[14], sums, bend)
            for r in range(rows):
                for p in range(pixels):
                    tile.store(sums[r * pixels + p], tile.moved(targets[p], builder.mul(y_step, constant(r))))

        tile.switch_of_two(arguments[0], tile_height(np.dtype(weights.dtype.name)), arguments[1], PIXELS, case)
        return context.get_dummy_value()

    place = types.intp
    return types.void(
        place,
        place,
        weights,
        place,
        place,
        x,
        place,
        place,
        place,
        runs,
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
    ), generate


def _add_rows(
    tile: Emitter, rows: int, length: Any, weights: tuple[Any, Any], sources: list[Any], sums: list[Any]
) -> list[Any]:
    """The sums after one run: ``length`` rows of each source times as many rows of weights, pointer and step."""
    builder = tile.builder
    pixels = len(sources)

    def add(count: int) -> Callable[[Any, list[Any]], list[Any]]:
        def body(_: Any, carried: list[Any]) -> list[Any]:
            pointer, at, sums = carried[0], carried[1 : 1 + pixels], list(carried[1 + pixels :])
            for _ in range(count):
                tile.prefetch(tile.moved(pointer, builder.mul(weights[1], constant(_WEIGHTS_AHEAD))))
                values = [tile.load(at[p]) for p in range(pixels)]
                for p in range(pixels):
                    tile.prefetch(tile.moved(at[p], builder.mul(sources[p][1], constant(_VALUES_AHEAD))))
                at = [tile.moved(at[p], sources[p][1]) for p in range(pixels)]
                for r in range(rows):
                    weight = tile.spread(tile.load_item(tile.moved(pointer, r)))
                    for p in range(pixels):
                        k = r * pixels + p
                        sums[k] = tile.multiply_add(weight, values[p], sums[k])
                pointer = tile.moved(pointer, weights[1])
            return [pointer, *at, *sums]

        return body

    carried = [weights[0], *(source[0] for source in sources), *sums]
    carried = tile.repeat(builder.sdiv(length, constant(_UNROLLED)), carried, add(_UNROLLED))
    carried = tile.repeat(builder.srem(length, constant(_UNROLLED)), carried, add(1))
    return carried[1 + pixels :]


@intrinsic
def correlate_tile(
    typing_context: Any,
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
    """As ``correlate_rows`` with ``height`` rows in all."""
    if not (are_values(x, transposed, out) and is_table(offsets)):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        tile = Emitter(context, builder, signature, arguments)
        x_data, offset_data = tile.at(2, 3), tile.at(4, 5)
        transposed_data, target = tile.at(7, 8), tile.at(11, 12)
        step, row_step, out_step = arguments[9], arguments[10], arguments[13]

        def case(rows: int, width: int) -> None:
            starts = [tile.moved(target, builder.mul(out_step, constant(r))) for r in range(rows)]
            places = [tile.moved(start, v * LANES) for start in starts for v in range(width)]

            def add_item(index: Any, sums: list[Any]) -> list[Any]:
                offset = tile.load_short(tile.moved(offset_data, index))
                lanes = builder.select(is_negative(builder, offset), constant(0), constant(LANES // _UNROLLED))
                values = tile.moved(x_data, builder.mul(offset, constant(LANES)))
                row = tile.moved(transposed_data, builder.mul(index, step))

                def add_lanes(_: Any, carried: list[Any]) -> list[Any]:
                    values, row, sums = carried[0], carried[1], list(carried[2:])
                    for lane in range(_UNROLLED):
                        gradients = [tile.load(tile.moved(row, v * LANES)) for v in range(width)]
                        for r in range(rows):
                            value = tile.spread(tile.load_item(tile.moved(values, r * LANES + lane)))
                            for v in range(width):
                                k = r * width + v
                                sums[k] = tile.multiply_add(value, gradients[v], sums[k])
                        row = tile.moved(row, row_step)
                    return [tile.moved(values, _UNROLLED), row, *sums]

                return tile.repeat(lanes, [values, row, *sums], add_lanes)[2:]

            sums = tile.repeat(arguments[6], [tile.load(place) for place in places], add_item)
            for value, place in zip(sums, places, strict=True):
                tile.store(value, place)

        tile.switch_of_two(arguments[0], tile_height(np.dtype(x.dtype.name)), arguments[1], COLUMN_VECTORS, case)
        return context.get_dummy_value()

    place = types.intp
    return types.void(
        place, place, x, place, offsets, place, place, transposed, place, place, place, out, place, place
    ), generate


@intrinsic
def correlate_lanes_tile(
    typing_context: Any,
    rows: Any,
    outputs: Any,
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
    """As ``correlate_lanes``, of which it is one tile."""
    if not (are_values(x, dy, out) and is_table(offsets)):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        tile = Emitter(context, builder, signature, arguments)
        x_data, offset_data, dy_data, target = tile.at(2, 3), tile.at(4, 5), tile.at(7, 8), tile.at(10, 11)
        item_step, out_step = arguments[9], arguments[12]

        def case(rows: int, outputs: int) -> None:
            starts = [tile.moved(target, builder.mul(out_step, constant(r))) for r in range(rows)]
            places = [tile.moved(start, k * LANES) for start in starts for k in range(outputs)]

            def add_item(index: Any, carried: list[Any]) -> list[Any]:
                row, sums = carried[0], list(carried[1:])
                offset = tile.load_short(tile.moved(offset_data, index))
                pointer, step = tile.source(x_data, builder.mul(offset, constant(LANES)), constant(LANES))
                gradients = [tile.load(tile.moved(row, k * LANES)) for k in range(outputs)]
                for r in range(rows):
                    value = tile.load(pointer)
                    pointer = tile.moved(pointer, step)
                    for k in range(outputs):
                        sums[r * outputs + k] = tile.multiply_add(value, gradients[k], sums[r * outputs + k])
                return [tile.moved(row, item_step), *sums]

            sums = tile.repeat(arguments[6], [dy_data, *(tile.load(place) for place in places)], add_item)[1:]
            for value, place in zip(sums, places, strict=True):
                tile.store(value, place)

        side = tile_side(np.dtype(x.dtype.name))
        tile.switch_of_two(arguments[0], side, arguments[1], side, case)
        return context.get_dummy_value()

    place = types.intp
    return types.void(place, place, x, place, offsets, place, place, dy, place, place, out, place, place), generate


@intrinsic
def transpose_block(
    typing_context: Any,
    source: Any,
    source_start: Any,
    source_step: Any,
    rows: Any,
    target: Any,
    target_start: Any,
    target_step: Any,
    columns: Any,
) -> Any:
    """See ``netcli.runtime.tiles``."""
    if not are_values(source, target):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        tile = Emitter(context, builder, signature, arguments)
        base, target_base = tile.at(0, 1), tile.at(4, 5)
        last = builder.sub(arguments[3], constant(1))
        square = []
        for k in range(LANES):
            row = builder.select(builder.icmp_signed("<", last, constant(k)), last, constant(k))
            square.append(tile.load(tile.moved(base, builder.mul(row, arguments[2]))))
        for j, row in enumerate(tile.transposed(square)):
            with builder.if_then(builder.icmp_signed("<", constant(j), arguments[7])):
                tile.store(row, tile.moved(target_base, builder.mul(arguments[6], constant(j))))
        return context.get_dummy_value()

    place = types.intp
    return types.void(source, place, place, place, target, place, place, place), generate
