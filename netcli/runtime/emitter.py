"""Vector code for kernels, written straight into the function that numba compiles: what intrinsics are made with.

Vectors are LANES values of one floating type. A loop's values are values, not memory, so that they stay in
registers; what numba makes of a loop over lanes depends on LLVM's mood.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from netcli.runtime.jit import LANES

_INDEX = ir.IntType(64)
_SHORT = ir.IntType(32)
_SHORTS = ir.VectorType(_SHORT, LANES)
NO_PLACES = ir.Constant(_SHORTS, [-1] * LANES)


def are_values(*candidates: Any) -> bool:
    """Whether these numba types are one-dimensional C-ordered arrays of one floating type."""
    return all(
        isinstance(array, types.Array)
        and array.ndim == 1
        and array.layout == "C"
        and isinstance(array.dtype, types.Float)
        and array.dtype == candidates[0].dtype
        for array in candidates
    )


def is_table(candidate: Any) -> bool:
    """Whether this numba type is a C-ordered array of int32."""
    return isinstance(candidate, types.Array) and candidate.layout == "C" and candidate.dtype == types.int32


def constant(value: int) -> ir.Constant:
    """A number that counts or places something."""
    return ir.Constant(_INDEX, value)


def is_negative(builder: Any, value: Any) -> Any:
    """Whether a place is none."""
    return builder.icmp_signed("<", value, constant(0))


class Emitter:
    """Writes vector code into the function that is being compiled. Pointers are to single values."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self.builder = builder
        self._context = context
        self._signature = signature
        self._arguments = arguments
        floating = next(kind.dtype for kind in signature.args if are_values(kind))
        self._item = context.get_data_type(floating)
        self._bytes = floating.bitwidth // 8
        self._vector = ir.VectorType(self._item, LANES)
        self._fused = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(self._vector, [self._vector] * 3),
            f"llvm.fmuladd.v{LANES}f{floating.bitwidth}",
        )

    def all_of(self, *conditions: Any) -> Any:
        return functools.reduce(self.builder.and_, conditions)

    def any_of(self, *conditions: Any) -> Any:
        return functools.reduce(self.builder.or_, conditions)

    def call(self, symbol: str, arguments: list[Any]) -> None:
        """Calls a function that the linker knows and that returns nothing."""
        kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
        self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, symbol), arguments)

    def data(self, index: int) -> Any:
        """Where the array at ``index`` of the arguments begins."""
        kind = self._signature.args[index]
        return self._context.make_array(kind)(self._context, self.builder, self._arguments[index]).data

    def at(self, index: int, start: int) -> Any:
        """The value of the array at ``index`` that the argument at ``start`` counts to."""
        return self.moved(self.data(index), self._arguments[start])

    def moved(self, pointer: Any, count: Any) -> Any:
        return self.builder.gep(pointer, [constant(count) if isinstance(count, int) else count])

    def source(self, base: Any, place: Any, step: Any) -> tuple[Any, Any]:
        """Pointer and step to the rows of a run: below 0, to a row of zeros that stays where it is."""
        absent = is_negative(self.builder, place)
        pointer = self.moved(base, place)
        step = self.builder.select(absent, constant(0), step)
        return self.builder.select(absent, self._zeros(), pointer), step

    def load(self, pointer: Any) -> Any:
        return self.builder.load(self.builder.bitcast(pointer, self._vector.as_pointer()), align=self._bytes)

    def store(self, vector: Any, pointer: Any) -> None:
        self.builder.store(vector, self.builder.bitcast(pointer, self._vector.as_pointer()), align=self._bytes)

    def prefetch(self, pointer: Any) -> None:
        """Asks for the cache line at ``pointer``, which need not be there."""
        bytes_there = self.builder.bitcast(pointer, ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [bytes_there.type, _SHORT, _SHORT, _SHORT])
        fetch = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        reading, keep, data = (ir.Constant(_SHORT, number) for number in (0, 3, 1))
        self.builder.call(fetch, [bytes_there, reading, keep, data])

    def store_shorts(self, vector: Any, table: Any) -> None:
        self.builder.store(vector, self.builder.bitcast(table, _SHORTS.as_pointer()), align=_SHORT.width // 8)

    def vector_unless_negative(self, base: Any, place: Any) -> Vector:
        """The vector ``place`` values behind ``base``; zeros where that is below 0."""
        pointer = self.moved(base, place)
        return Vector(self, self.load(self.builder.select(is_negative(self.builder, place), self._zeros(), pointer)))

    def store_unless_negative(self, vector: Vector, base: Any, place: Any) -> None:
        """Puts it ``place`` values behind ``base``, or nowhere where that is below 0."""
        nowhere = self.builder.bitcast(cgutils.alloca_once(self.builder, self._vector), self._item.as_pointer())
        pointer = self.moved(base, place)
        self.store(vector.value, self.builder.select(is_negative(self.builder, place), nowhere, pointer))

    def load_shorts(self, table: Any) -> Any:
        """LANES numbers of ``table``."""
        return self.builder.load(self.builder.bitcast(table, _SHORTS.as_pointer()), align=_SHORT.width // 8)

    def scattered_places(self, places: Any) -> tuple[Any, Any]:
        """Numbers that count values, as places in bytes, and which of them are not below 0."""
        present = self.builder.icmp_signed(">=", places, ir.Constant(_SHORTS, [0] * LANES))
        index = ir.VectorType(_INDEX, LANES)
        sizes = ir.Constant(index, [self._bytes] * LANES)
        return self.builder.mul(self.builder.sext(places, index), sizes), present

    def gathered(self, base: Any, lanes: tuple[Any, Any]) -> Any:
        """The values at the ``scattered_places`` behind ``base``, 0 where there is none."""
        kinds = [self._pointers, _SHORT, lanes[1].type, self._vector]
        gather = self._masked("gather", ir.FunctionType(self._vector, kinds))
        nothing = ir.Constant(self._vector, [0.0] * LANES)
        return self.builder.call(gather, [self._pointers_from(base, lanes[0]), self._alignment, lanes[1], nothing])

    def scatter(self, vector: Any, base: Any, lanes: tuple[Any, Any]) -> None:
        """Puts a value to each of the ``scattered_places`` behind ``base``."""
        kinds = [self._vector, self._pointers, _SHORT, lanes[1].type]
        scatter = self._masked("scatter", ir.FunctionType(ir.VoidType(), kinds))
        self.builder.call(scatter, [vector, self._pointers_from(base, lanes[0]), self._alignment, lanes[1]])

    def constant_vector(self, number: float) -> Any:
        """A vector of which every lane is ``number``."""
        return ir.Constant(self._vector, [number] * LANES)

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

    def bent(self, vector: Any, slopes: Any) -> Any:
        """Where it is above 0 the vector, elsewhere (NaN included) its product with ``slopes``."""
        above = self.builder.fcmp_ordered(">", vector, self.constant_vector(0))
        return self.builder.select(above, vector, self.builder.fmul(vector, slopes))

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
        builder.cbranch(builder.icmp_signed(">", count, constant(0)), inside, after)
        builder.position_at_end(inside)
        index = builder.phi(_INDEX)
        index.add_incoming(constant(0), before)
        current = [builder.phi(value.type) for value in carried]
        for phi, value in zip(current, carried, strict=True):
            phi.add_incoming(value, before)
        results = body(index, current)
        following = builder.add(index, constant(1))
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
            selector.add_case(constant(value), block)
            builder.position_at_end(block)
            case(value)
            builder.branch(done)
        builder.position_at_end(done)

    def switch_of_two(
        self, choice: Any, most: int, other: Any, most_others: int, case: Callable[[int, int], None]
    ) -> None:
        """``case`` for each choice of 1 to ``most`` and of 1 to ``most_others``, in one switch."""
        builder = self.builder
        which = builder.add(builder.mul(builder.sub(other, constant(1)), constant(most)), choice)
        self.switch(which, most_others * most, lambda k: case((k - 1) % most + 1, (k - 1) // most + 1))

    @property
    def _pointers(self) -> ir.VectorType:
        return ir.VectorType(self._item.as_pointer(), LANES)

    @property
    def _alignment(self) -> ir.Constant:
        return ir.Constant(_SHORT, self._bytes)

    def _pointers_from(self, base: Any, places: Any) -> Any:
        builder = self.builder
        undefined = ir.Constant(places.type, ir.Undefined)
        first = builder.insert_element(undefined, builder.ptrtoint(base, _INDEX), ir.Constant(_SHORT, 0))
        everywhere = self._shuffled(first, undefined, [0] * LANES)
        return builder.inttoptr(builder.add(everywhere, places), self._pointers)

    def _masked(self, name: str, kind: ir.FunctionType) -> Any:
        symbol = f"llvm.masked.{name}.v{LANES}f{8 * self._bytes}.v{LANES}p0"
        return cgutils.get_or_insert_function(self.builder.module, kind, symbol)

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


class Vector:
    """A vector in arithmetic: sums, differences, and products with numbers, of which the compiler may fuse two."""

    def __init__(self, vectors: Emitter, value: Any) -> None:
        self._vectors = vectors
        self.value = value

    def __add__(self, other: Vector) -> Vector:
        return self._made(self._vectors.builder.fadd(self.value, other.value, flags=("contract",)))

    def __sub__(self, other: Vector) -> Vector:
        return self._made(self._vectors.builder.fsub(self.value, other.value, flags=("contract",)))

    def __mul__(self, number: float) -> Vector:
        factor = self._vectors.constant_vector(number)
        return self._made(self._vectors.builder.fmul(self.value, factor, flags=("contract",)))

    def _made(self, value: Any) -> Vector:
        return Vector(self._vectors, value)
