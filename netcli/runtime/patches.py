"""Values that stand apart, carried to rows of lanes and back: each lane from a place of its own.

    gather_rows(plain, start, step, places, first, count, rows, rows_start)
        rows[i][lane] = plain[start + i step + places[first + lane]], 0 where that place is below 0
    scatter_rows(rows, rows_start, count, plain, start, step, places, first)
        plain[start + i step + places[first + lane]] = rows[i][lane], nothing where that place is below 0

for i from 0 to ``count``. ``plain`` and ``rows`` are one-dimensional C-ordered arrays of one floating type, a row is
LANES values of it; places: int32. Starts and steps count values. Machines that can gather do so: half as long as 16
loads take that numba makes of a loop.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from netcli.runtime.emitter import Emitter, are_values, is_table
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
        lanes = emitter.scattered_places(emitter.at(3, 4))

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
        lanes = emitter.scattered_places(emitter.at(6, 7))

        def carry(_: Any, carried: list[Any]) -> list[Any]:
            row, target = carried
            emitter.scatter(emitter.load(row), target, lanes)
            return [emitter.moved(row, LANES), emitter.moved(target, arguments[5])]

        emitter.repeat(arguments[2], [emitter.at(0, 1), emitter.at(3, 4)], carry)
        return context.get_dummy_value()

    place = types.intp
    return types.void(rows, place, place, plain, place, place, places, place), generate
