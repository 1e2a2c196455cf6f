"""The two register-tiled products that nearly all the arithmetic of a net goes through.

A tile is a small block of results that stays in vector registers while everything that belongs to it is summed up:

    multiply_tile      y[p][r][lanes] = b[r] + sum over j of w[j][r] x[p][j][lanes]       two positions p, R outputs r
    correlate_tile     d[r][columns] += sum over items, lanes of x[item][r][lane] t[item][lane][columns]    R rows r

In the first the weights are spread over a vector and the lanes are images: forward passes, data gradients and the
matrix products of Winograd's convolution. In the second the inputs are spread and the columns are outputs: weight
gradients, whose sum runs over the images. Where a row of x stands is read from a table, so that stride, padding,
dilation and groups cost nothing.

Each is emitted for every height R up to ``tile_height``, behind a switch, as loops whose sums are values, not memory:
what numba makes of such a loop depends on LLVM's mood, and a sum that goes through memory costs four times as much.
16 lanes: 14 x 2 vectors of sums, 2 of x and one spread weight are 31 of the 32 registers; 8 and 4 lanes have 16 registers.

All arrays are one-dimensional and C-ordered, of one floating type; starts count their values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from netcli.runtime.jit import LANES

_HEIGHTS = {16: 14, 8: 6, 4: 4}
_DOUBLE_HEIGHTS = {16: 6, 8: 2, 4: 2}
_PIXELS = 2
_UNROLLED = 4
_RUN_FIELDS = 4
_INDEX = ir.IntType(64)
_SHORT = ir.IntType(32)

COLUMN_VECTORS = 2
"""Vectors side by side in a row of ``correlate_tile``: its columns are at most this times LANES."""


def tile_height(dtype: np.dtype) -> int:
    """The most rows of a tile of ``dtype`` whose sums fit the registers."""
    return (_HEIGHTS if np.dtype(dtype).itemsize == np.dtype(np.float32).itemsize else _DOUBLE_HEIGHTS)[LANES]


@intrinsic
def multiply_tile(
    typing_context: Any,
    height: Any,
    weights: Any,
    weight_start: Any,
    x: Any,
    x_start_0: Any,
    x_start_1: Any,
    runs: Any,
    first_run: Any,
    last_run: Any,
    bias: Any,
    bias_start: Any,
    y: Any,
    y_start_0: Any,
    y_start_1: Any,
) -> Any:
    """Writes ``height`` rows of LANES values at both y starts: bias plus the sum over the runs.

    A run (j, n, row 0, row 1), four int32, multiplies the n rows of x from ``row`` on, counted in rows of LANES values
    from the x start of its position, by the weights from row j on, each row ``height`` values. A row below 0 stands
    for zeros. weights: (rows, height) from weight_start; bias: (height,) from bias_start.
    """
    if not (_are_values(weights, x, bias, y) and _is_table(runs)):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        tile = _Emitter(context, builder, signature, arguments)
        data = {"weights": tile.at(1, 2), "bias": tile.at(9, 10)}
        bases = [tile.at(3, 4), tile.at(3, 5)]
        targets = [tile.at(11, 12), tile.at(11, 13)]
        table, first, last = tile.data(6), arguments[7], arguments[8]

        def case(rows: int) -> None:
            start = [tile.spread(tile.load_item(tile.moved(data["bias"], r))) for r in range(rows)]
            sums = [start[r] for r in range(rows) for _ in range(_PIXELS)]

            def add_run(index: Any, sums: list[Any]) -> list[Any]:
                entry = tile.moved(table, builder.mul(builder.add(first, index), _constant(_RUN_FIELDS)))
                weight_row, length, *places = (tile.load_short(tile.moved(entry, i)) for i in range(_RUN_FIELDS))
                weights = tile.moved(data["weights"], builder.mul(weight_row, _constant(rows)))
                sources = [tile.source(base, place) for base, place in zip(bases, places, strict=True)]
                return _add_rows(tile, rows, length, weights, sources, sums)

            sums = tile.repeat(builder.sub(last, first), sums, add_run)
            for r in range(rows):
                for p in range(_PIXELS):
                    tile.store(sums[r * _PIXELS + p], tile.moved(targets[p], r * LANES))

        tile.switch(arguments[0], tile_height(np.dtype(weights.dtype.name)), case)
        return context.get_dummy_value()

    place = types.intp
    return types.void(
        place, weights, place, x, place, place, runs, place, place, bias, place, y, place, place
    ), generate


def _add_rows(tile: _Emitter, rows: int, length: Any, weights: Any, sources: list[Any], sums: list[Any]) -> list[Any]:
    """The sums after one run: ``length`` rows of each source times as many rows of weights."""
    builder = tile.builder

    def add(count: int) -> Callable[[Any, list[Any]], list[Any]]:
        def body(_: Any, carried: list[Any]) -> list[Any]:
            pointer, at, sums = carried[0], carried[1 : 1 + _PIXELS], list(carried[1 + _PIXELS :])
            for j in range(count):
                values = [tile.load(at[p]) for p in range(_PIXELS)]
                at = [tile.moved(at[p], sources[p][1]) for p in range(_PIXELS)]
                for r in range(rows):
                    weight = tile.spread(tile.load_item(tile.moved(pointer, j * rows + r)))
                    for p in range(_PIXELS):
                        k = r * _PIXELS + p
                        sums[k] = tile.multiply_add(weight, values[p], sums[k])
            return [tile.moved(pointer, count * rows), *at, *sums]

        return body

    carried = [weights, *(source[0] for source in sources), *sums]
    carried = tile.repeat(builder.sdiv(length, _constant(_UNROLLED)), carried, add(_UNROLLED))
    carried = tile.repeat(builder.srem(length, _constant(_UNROLLED)), carried, add(1))
    return carried[1 + _PIXELS :]


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
    out: Any,
    out_start: Any,
) -> Any:
    """Adds to ``height`` rows of ``out`` what ``count`` items of x and ``transposed`` give.

    Item i's rows of x stand ``offsets[first + i]`` rows of LANES values behind x_start; below 0 it is left out. Its rows
    of ``transposed``, one a lane, stand ``i item_step`` values behind transposed_start. ``vectors``, 1 or 2: a row of
    out and of transposed has that many vectors in use, of the COLUMN_VECTORS that it has room for.
    """
    if not (_are_values(x, transposed, out) and _is_table(offsets)):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        tile = _Emitter(context, builder, signature, arguments)
        x_data, offset_data = tile.at(2, 3), tile.at(4, 5)
        transposed_data, target, step = tile.at(7, 8), tile.at(10, 11), arguments[9]
        columns = COLUMN_VECTORS * LANES

        def case(rows: int, width: int) -> None:
            places = [tile.moved(target, r * columns + v * LANES) for r in range(rows) for v in range(width)]

            def add_item(index: Any, sums: list[Any]) -> list[Any]:
                offset = tile.load_short(tile.moved(offset_data, index))
                lanes = builder.select(_is_negative(builder, offset), _constant(0), _constant(LANES // _UNROLLED))
                values = tile.moved(x_data, builder.mul(offset, _constant(LANES)))
                row = tile.moved(transposed_data, builder.mul(index, step))

                def add_lanes(_: Any, carried: list[Any]) -> list[Any]:
                    values, row, sums = carried[0], carried[1], list(carried[2:])
                    for lane in range(_UNROLLED):
                        gradients = [tile.load(tile.moved(row, lane * columns + v * LANES)) for v in range(width)]
                        for r in range(rows):
                            value = tile.spread(tile.load_item(tile.moved(values, r * LANES + lane)))
                            for v in range(width):
                                k = r * width + v
                                sums[k] = tile.multiply_add(value, gradients[v], sums[k])
                    return [tile.moved(values, _UNROLLED), tile.moved(row, _UNROLLED * columns), *sums]

                return tile.repeat(lanes, [values, row, *sums], add_lanes)[2:]

            sums = tile.repeat(arguments[6], [tile.load(place) for place in places], add_item)
            for value, place in zip(sums, places, strict=True):
                tile.store(value, place)

        most = tile_height(np.dtype(x.dtype.name))
        # One switch for both: the cases of two vectors behind those of one.
        choice = builder.add(builder.mul(builder.sub(arguments[1], _constant(1)), _constant(most)), arguments[0])
        tile.switch(choice, COLUMN_VECTORS * most, lambda which: case((which - 1) % most + 1, (which - 1) // most + 1))
        return context.get_dummy_value()

    place = types.intp
    return types.void(
        place, place, x, place, offsets, place, place, transposed, place, place, out, place
    ), generate


@intrinsic
def transpose_rows(
    typing_context: Any, source: Any, source_start: Any, rows: Any, target: Any, target_start: Any, step: Any
) -> Any:
    """target[lane step + k] = source[k][lane] for LANES rows k of LANES values each.

    Only ``rows`` of them are there, at least one; the rest of the target repeats the last.
    """
    if not _are_values(source, target):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        tile = _Emitter(context, builder, signature, arguments)
        base, target_base = tile.at(0, 1), tile.at(3, 4)
        last = builder.sub(arguments[2], _constant(1))
        square = []
        for k in range(LANES):
            row = builder.select(builder.icmp_signed("<", last, _constant(k)), last, _constant(k))
            square.append(tile.load(tile.moved(base, builder.mul(row, _constant(LANES)))))
        for lane, row in enumerate(tile.transposed(square)):
            tile.store(row, tile.moved(target_base, builder.mul(arguments[5], _constant(lane))))
        return context.get_dummy_value()

    place = types.intp
    return types.void(source, place, place, target, place, place), generate


def _are_values(*candidates: Any) -> bool:
    return all(
        isinstance(array, types.Array)
        and array.ndim == 1
        and array.layout == "C"
        and isinstance(array.dtype, types.Float)
        and array.dtype == candidates[0].dtype
        for array in candidates
    )


def _is_table(candidate: Any) -> bool:
    return isinstance(candidate, types.Array) and candidate.layout == "C" and candidate.dtype == types.int32


def _constant(value: int) -> ir.Constant:
    return ir.Constant(_INDEX, value)


def _is_negative(builder: Any, value: Any) -> Any:
    return builder.icmp_signed("<", value, _constant(0))


class _Emitter:
    """Writes vector code into the function that is being compiled. Pointers are to single values."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self.builder = builder
        self._context = context
        self._signature = signature
        self._arguments = arguments
        floating = next(kind.dtype for kind in signature.args if _are_values(kind))
        self._item = context.get_data_type(floating)
        self._bytes = floating.bitwidth // 8
        self._vector = ir.VectorType(self._item, LANES)
        self._fused = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(self._vector, [self._vector] * 3),
            f"llvm.fmuladd.v{LANES}f{floating.bitwidth}",
        )

    def data(self, index: int) -> Any:
        """Where the array at ``index`` of the arguments begins."""
        kind = self._signature.args[index]
        return self._context.make_array(kind)(self._context, self.builder, self._arguments[index]).data

    def at(self, index: int, start: int) -> Any:
        """The value of the array at ``index`` that the argument at ``start`` counts to."""
        return self.moved(self.data(index), self._arguments[start])

    def moved(self, pointer: Any, count: Any) -> Any:
        return self.builder.gep(pointer, [_constant(count) if isinstance(count, int) else count])

    def source(self, base: Any, row: Any) -> tuple[Any, Any]:
        """Pointer and step to the rows of a run: below 0, to a row of zeros that stays where it is."""
        absent = _is_negative(self.builder, row)
        pointer = self.moved(base, self.builder.mul(row, _constant(LANES)))
        step = self.builder.select(absent, _constant(0), _constant(LANES))
        return self.builder.select(absent, self._zeros(), pointer), step

    def load(self, pointer: Any) -> Any:
        return self.builder.load(self.builder.bitcast(pointer, self._vector.as_pointer()), align=self._bytes)

    def store(self, vector: Any, pointer: Any) -> None:
        self.builder.store(vector, self.builder.bitcast(pointer, self._vector.as_pointer()), align=self._bytes)

    def load_item(self, pointer: Any) -> Any:
        return self.builder.load(pointer)

    def load_short(self, pointer: Any) -> Any:
        return self.builder.sext(self.builder.load(pointer), _INDEX)

    def spread(self, item: Any) -> Any:
        """A vector of which every lane is ``item``."""
        undefined = ir.Constant(self._vector, ir.Undefined)
        first = self.builder.insert_element(undefined, item, ir.Constant(_SHORT, 0))
        return self.builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_SHORT, LANES), [0] * LANES))

    def multiply_add(self, left: Any, right: Any, total: Any) -> Any:
        return self.builder.call(self._fused, [left, right, total])

    def transposed(self, square: Sequence[Any]) -> Sequence[Any]:
        """LANES vectors, as columns: halves change places, then quarters, and so on."""
        distance = LANES // 2
        while distance:
            low = [j if not j & distance else LANES + j - distance for j in range(LANES)]
            high = [j + distance if not j & distance else LANES + j for j in range(LANES)]
            swapped = list(square)
            for k in range(LANES):
                if not k & distance:
                    swapped[k] = self._shuffled(square[k], square[k + distance], low)
                    swapped[k + distance] = self._shuffled(square[k], square[k + distance], high)
            square = swapped
            distance //= 2
        return square

    def repeat(self, count: Any, carried: list[Any], body: Callable[[Any, list[Any]], list[Any]]) -> list[Any]:
        """A loop over ``count`` rounds, perhaps none: body(round, carried) -> carried. Returns the last carried."""
        builder = self.builder
        before = builder.basic_block
        inside, after = builder.append_basic_block("tile.loop"), builder.append_basic_block("tile.done")
        builder.cbranch(builder.icmp_signed(">", count, _constant(0)), inside, after)
        builder.position_at_end(inside)
        index = builder.phi(_INDEX)
        index.add_incoming(_constant(0), before)
        current = [builder.phi(value.type) for value in carried]
        for phi, value in zip(current, carried, strict=True):
            phi.add_incoming(value, before)
        results = body(index, current)
        following = builder.add(index, _constant(1))
        index.add_incoming(following, builder.basic_block)
        for phi, value in zip(current, results, strict=True):
            phi.add_incoming(value, builder.basic_block)
        end = builder.basic_block
        builder.cbranch(builder.icmp_signed("<", following, count), inside, after)
        builder.position_at_end(after)
        final = [builder.phi(value.type) for value in carried]
        for phi, value, result in zip(final, carried, results, strict=True):
            phi.add_incoming(value, before)
            phi.add_incoming(result, end)
        return final

    def switch(self, choice: Any, most: int, case: Callable[[int], None]) -> None:
        """Runs the code that ``case`` emits for the value of ``choice``, 1 to ``most``; nothing for others."""
        builder = self.builder
        done = builder.append_basic_block("tile.end")
        selector = builder.switch(choice, done)
        for value in range(1, most + 1):
            block = builder.append_basic_block("tile.case")
            selector.add_case(_constant(value), block)
            builder.position_at_end(block)
            case(value)
            builder.branch(done)
        builder.position_at_end(done)

    def _shuffled(self, first: Any, second: Any, order: list[int]) -> Any:
        return self.builder.shuffle_vector(first, second, ir.Constant(ir.VectorType(_SHORT, LANES), order))

    def _zeros(self) -> Any:
        """A row of zeros in the module's constants."""
        module = self.builder.module
        name = f"netcli.zeros.{self._item}"
        zeros = module.globals.get(name)
        if zeros is None:
            zeros = ir.GlobalVariable(module, self._vector, name)
            zeros.initializer = ir.Constant(self._vector, [0.0] * LANES)
            zeros.global_constant = True
            zeros.linkage = "internal"
        return self.builder.bitcast(zeros, self._item.as_pointer())
