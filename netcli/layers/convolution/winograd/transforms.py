"""Winograd's transforms F(4x4, 3x3) on vectors: squares of 6 x 6, 4 x 4 and 3 x 3 values, LANES of each at once.

With d an input tile of 6 x 6, g a filter of 3 x 3 and y the 4 x 4 outputs, . being the product element by element:

    y  = A^T [(G g G^T) . (B^T d B)] A                         forward; with g turned around, the data gradient
    dg = G^T [sum over tiles of (B^T d B) . (A dy A^T)] G      the gradient of the filter

The matrices belong to the points 0, +-a, +-b and infinity, a = 1 / sqrt(2), b = sqrt(2). With them the error is a
quarter of that with the usual 1 and 2: 2.8e-6 instead of 1.1e-5 of the largest output, measured at 256 channels.

Source: Lavin and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016; the points: Barabasz et al.,
"Error analysis and improving the accuracy of Winograd convolution for deep neural networks", 2020.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from numba import types
from numba.extending import intrinsic

from netcli.layers.convolution.winograd.geometry import FILTER_SIDE, OUTPUT_SIDE, TILE_SIDE
from netcli.runtime.emitter import Emitter, Vector, are_values, constant, is_table

_A, _B = math.sqrt(0.5), math.sqrt(2.0)
_AA, _BB = 0.5, 2.0
_SCALE_A, _SCALE_B = 1 / (2 * _AA * (_AA - _BB)), 1 / (2 * _BB * (_BB - _AA))
"""One over the product of a point's distances from the other finite points: +-a, +-b."""

Line = Sequence[Vector]
Finish = Callable[[Line], Line]


def _inputs(d: Line) -> list[Vector]:
    """B^T: 6 -> 6."""
    even_a, odd_a = d[4] - d[2] * _BB, (d[3] - d[1] * _BB) * _A
    even_b, odd_b = d[4] - d[2] * _AA, (d[3] - d[1] * _AA) * _B
    return [
        d[0] - d[2] * (_AA + _BB) + d[4],
        even_a + odd_a,
        even_a - odd_a,
        even_b + odd_b,
        even_b - odd_b,
        d[1] - d[3] * (_AA + _BB) + d[5],
    ]


def _outputs(m: Line) -> list[Vector]:
    """A^T: 6 -> 4."""
    sum_a, difference_a = m[1] + m[2], m[1] - m[2]
    sum_b, difference_b = m[3] + m[4], m[3] - m[4]
    return [
        m[0] + sum_a + sum_b,
        difference_a * _A + difference_b * _B,
        sum_a * _AA + sum_b * _BB,
        difference_a * (_A * _AA) + difference_b * (_B * _BB) + m[5],
    ]


def _output_gradients(y: Line) -> list[Vector]:
    """A: 4 -> 6."""
    even_a, odd_a = y[0] + y[2] * _AA, y[1] * _A + y[3] * (_A * _AA)
    even_b, odd_b = y[0] + y[2] * _BB, y[1] * _B + y[3] * (_B * _BB)
    return [y[0], even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, y[3]]


def _filters(g: Line) -> list[Vector]:
    """G: 3 -> 6."""
    even_a, odd_a = g[0] * _SCALE_A + g[2] * (_AA * _SCALE_A), g[1] * (_A * _SCALE_A)
    even_b, odd_b = g[0] * _SCALE_B + g[2] * (_BB * _SCALE_B), g[1] * (_B * _SCALE_B)
    return [g[0], even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, g[2]]


def _filter_gradients(u: Line) -> list[Vector]:
    """G^T: 6 -> 3."""
    sum_a, difference_a = (u[1] + u[2]) * _SCALE_A, (u[1] - u[2]) * _SCALE_A
    sum_b, difference_b = (u[3] + u[4]) * _SCALE_B, (u[3] - u[4]) * _SCALE_B
    return [
        u[0] + sum_a + sum_b,
        difference_a * _A + difference_b * _B,
        sum_a * _AA + sum_b * _BB + u[5],
    ]


def _square_transform(side: int, along: Callable[[Line], list[Vector]]) -> Callable[..., Any]:
    """What emits a transform: it carries a square of ``side`` from source to target by ``along`` both ways."""

    def emit(vectors: Emitter, source: Square, target: Square, finish: Finish | None = None) -> None:
        values = [vectors.vector_unless_negative(source.base, place) for place in source.places(side)]
        columns = [along(values[j::side]) for j in range(side)]
        rows = [along([column[i] for column in columns]) for i in range(len(columns[0]))]
        results: Line = [value for row in rows for value in row]
        for value, place in zip(finish(results) if finish else results, target.places(len(rows)), strict=True):
            vectors.store_unless_negative(value, target.base, place)

    return emit


class Square:
    """Where the values of a square stand: by a table, or evenly spaced. ``first``: the first of its three arguments."""

    def __init__(self, vectors: Emitter, signature: Any, arguments: Any, first: int) -> None:
        self._vectors = vectors
        self._given = arguments[first + 2]
        self._table = vectors.data(first + 2) if is_table(signature.args[first + 2]) else None
        self.base = vectors.at(first, first + 1)

    def places(self, side: int) -> list[Any]:
        """Values behind ``base``, below 0 for none."""
        if self._table is None:
            return [self._vectors.builder.mul(self._given, constant(i)) for i in range(side * side)]
        return [self._vectors.load_short(self._vectors.moved(self._table, i)) for i in range(side * side)]


def _transform(name: str, emit: Callable[..., Any], meaning: str) -> Any:
    """The intrinsic (source, start, places, target, start, places): see ``Square``, places an int32 row or a step."""

    def transform(typing_context, source, start, places, target, target_start, target_places):  # type: ignore[no-untyped-def]
        if not are_values(source, target):
            return None

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            vectors = Emitter(context, builder, signature, arguments)
            emit(vectors, *(Square(vectors, signature, arguments, first) for first in (0, 3)))
            return context.get_dummy_value()

        return types.void(source, types.intp, places, target, types.intp, target_places), generate

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = meaning
    return intrinsic(transform)


transform_input = _transform("transform_input", _square_transform(TILE_SIDE, _inputs), "B^T d B: 6 x 6 to 6 x 6.")
transform_output_gradient = _transform(
    "transform_output_gradient", _square_transform(OUTPUT_SIDE, _output_gradients), "A dy A^T: 4 x 4 to 6 x 6."
)
transform_filter = _transform("transform_filter", _square_transform(FILTER_SIDE, _filters), "G g G^T: 3 x 3 to 6 x 6.")
transform_filter_gradient = _transform(
    "transform_filter_gradient", _square_transform(TILE_SIDE, _filter_gradients), "G^T u G: 6 x 6 to 3 x 3."
)


@intrinsic
def transform_output(
    typing_context: Any,
    source: Any,
    start: Any,
    places: Any,
    target: Any,
    target_start: Any,
    target_places: Any,
    bias: Any,
    slopes: Any,
    bends: Any,
    output: Any,
) -> Any:
    """A^T m A plus ``bias[output]``: 6 x 6 to 4 x 4; if ``bends``, what is not above 0 times ``slopes[output]``."""
    if not are_values(source, target, bias, slopes):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors = Emitter(context, builder, signature, arguments)
        squares = [Square(vectors, signature, arguments, first) for first in (0, 3)]
        added = Vector(vectors, vectors.spread(vectors.load_item(vectors.at(6, 9))))

        def bend(_: Any, values: list[Any]) -> list[Any]:
            slope = vectors.spread(vectors.load_item(vectors.at(7, 9)))
            return [vectors.bent(value, slope) for value in values]

        def finish(results: Line) -> Line:
            sums = [(result + added).value for result in results]
            return [Vector(vectors, value) for value in vectors.repeat(arguments[8], sums, bend)]

        _square_transform(TILE_SIDE, _outputs)(vectors, *squares, finish)
        return context.get_dummy_value()

    place = types.intp
    return types.void(source, place, places, target, place, target_places, bias, slopes, place, place), generate
