"""Values that stand apart, in vectors: each lane from a place of its own.

    gather_rows(plain, start, step, places, first, count, rows, rows_start)
        rows[i][lane] = plain[start + i step + places[first + lane]], 0 where that place is below 0
    scatter_rows(rows, rows_start, count, plain, start, step, places, first)
        plain[start + i step + places[first + lane]] = rows[i][lane], nothing where that place is below 0

    largest_of_places(plain, start, places, first, count, lowest, largest, chosen, out_start)
        chosen[out_start + lane] = the first p = places[first + i LANES + lane] not below 0 with the largest
        plain[start + p], or the last that is no number; largest[out_start + lane] = what stands there. Where there is
        none: -1 and ``lowest``
    sum_of_places(plain, start, places, first, count, sums, out_start)
        sums[out_start + lane] = the sum of plain[start + p] over these p

for i from 0 to ``count``. ``plain``, ``rows``, ``largest`` and ``sums`` are one-dimensional C-ordered arrays of one
floating type, a row is LANES values of it; places and chosen: int32. Starts and steps count values. Machines that can
gather do so: half as long as 16 loads take that numba makes of a loop.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from netcli.runtime.emitter import NO_PLACES, Emitter, are_values, is_table
from netcli.runtime.jit import LANES


@intrinsic
def gather_rows(
    typing_context: Any,
    plain: Any,
    start: Any,
    step: Any,
    places: Any,
    first: Any,
    count: Any,
    rows: Any,
    rows_start: Any,
) -> Any:
    """See the module."""
    if not (are_values(plain, rows) and is_table(places)):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emitter = Emitter(context, builder, signature, arguments)
        lanes = emitter.scattered_places(emitter.load_shorts(emitter.at(3, 4)))

        def carry(_: Any, carried: list[Any]) -> list[Any]:
            source, row = carried
            emitter.store(emitter.gathered(source, lanes), row)
            return [emitter.moved(source, arguments[2]), emitter.moved(row, LANES)]

        emitter.repeat(arguments[5], [emitter.at(0, 1), emitter.at(6, 7)], carry)
        return context.get_dummy_value()

    place = types.intp
    return types.void(plain, place, place, places, place, place, rows, place), generate


@intrinsic
def scatter_rows(
    typing_context: Any,
    rows: Any,
    rows_start: Any,
    count: Any,
    plain: Any,
    start: Any,
    step: Any,
    places: Any,
    first: Any,
) -> Any:
    """See the module."""
    if not (are_values(rows, plain) and is_table(places)):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emitter = Emitter(context, builder, signature, arguments)
        lanes = emitter.scattered_places(emitter.load_shorts(emitter.at(6, 7)))

        def carry(_: Any, carried: list[Any]) -> list[Any]:
            row, target = carried
            emitter.scatter(emitter.load(row), target, lanes)
            return [emitter.moved(row, LANES), emitter.moved(target, arguments[5])]

        emitter.repeat(arguments[2], [emitter.at(0, 1), emitter.at(3, 4)], carry)
        return context.get_dummy_value()

    place = types.intp
    return types.void(rows, place, place, plain, place, place, places, place), generate


@intrinsic
def largest_of_places(
    typing_context: Any,
    plain: Any,
    start: Any,
    places: Any,
    first: Any,
    count: Any,
    lowest: Any,
    largest: Any,
    chosen: Any,
    out_start: Any,
) -> Any:
    """See the module."""
    if not (are_values(plain, largest) and is_table(places) and is_table(chosen) and lowest == plain.dtype):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emitter = Emitter(context, builder, signature, arguments)
        source = emitter.at(0, 1)

        def compare(_: Any, carried: list[Any]) -> list[Any]:
            table, best, where = carried
            here = emitter.load_shorts(table)
            lanes = emitter.scattered_places(here)
            value = emitter.gathered(source, lanes)
            is_first = builder.icmp_signed("==", where, NO_PLACES)
            is_more = builder.fcmp_ordered(">", value, best)
            is_no_number = builder.fcmp_unordered("uno", value, value)
            better = emitter.all_of(lanes[1], emitter.any_of(is_first, is_more, is_no_number))
            best, where = builder.select(better, value, best), builder.select(better, here, where)
            return [emitter.moved(table, LANES), best, where]

        begin = [emitter.at(2, 3), emitter.spread(arguments[5]), NO_PLACES]
        _, best, where = emitter.repeat(arguments[4], begin, compare)
        emitter.store(best, emitter.at(6, 8))
        emitter.store_shorts(where, emitter.at(7, 8))
        return context.get_dummy_value()

    place = types.intp
    return types.void(plain, place, places, place, place, lowest, largest, chosen, place), generate


@intrinsic
def sum_of_places(
    typing_context: Any, plain: Any, start: Any, places: Any, first: Any, count: Any, sums: Any, out_start: Any
) -> Any:
    """See the module."""
    if not (are_values(plain, sums) and is_table(places)):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emitter = Emitter(context, builder, signature, arguments)
        source = emitter.at(0, 1)

        def add(_: Any, carried: list[Any]) -> list[Any]:
            table, total = carried
            value = emitter.gathered(source, emitter.scattered_places(emitter.load_shorts(table)))
            return [emitter.moved(table, LANES), builder.fadd(total, value)]

        _, total = emitter.repeat(arguments[4], [emitter.at(2, 3), emitter.constant_vector(0)], add)
        emitter.store(total, emitter.at(5, 6))
        return context.get_dummy_value()

    place = types.intp
    return types.void(plain, place, places, place, place, sums, place), generate
