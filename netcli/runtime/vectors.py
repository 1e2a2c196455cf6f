"""Whole vectors in kernels: one row of lanes as one LLVM vector, and small arrays that become registers.

    sums = carray(stack_memory(x, 8 * LANES), (8, LANES))
    for k in range(8):
        add_scaled(sums[k], x, weights[k])          # sums[k, :] += weights[k] * x

is, with x in memory, eight fused multiply-adds in registers, at every lane count. The same with loops over lanes
is left to LLVM's mood: it vectorises them at 16 lanes, but not at 8, where it was 15 times slower. What it
needs besides is memory of which it knows that nothing else points to it, hence the stack.

A row is a C-ordered array of LANES values of one floating type.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from netcli.runtime.blob import ALIGNMENT
from netcli.runtime.jit import LANES, kernel


@kernel
def same_memory(a: Any, b: Any) -> Any:
    """Do two arrays start at one place? LLVM vectorises a loop over two that are one only if it names but one."""
    return a.ctypes.data == b.ctypes.data


@intrinsic
def stack_memory(typing_context: Any, like: Any, count: Any) -> Any:
    """A pointer to room for ``count`` (a constant) values of the type of the array ``like``, not cleared.

    The room is taken once a call of the function it stands in, also inside a loop, and is gone when that returns.
    """
    if not isinstance(count, types.IntegerLiteral):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        item = context.get_data_type(like.dtype)
        room = cgutils.alloca_once(builder, ir.ArrayType(item, count.literal_value))
        room.align = ALIGNMENT
        return builder.bitcast(room, item.as_pointer())

    return types.CPointer(like.dtype)(like, count), generate


@intrinsic
def add_scaled(typing_context: Any, target: Any, row: Any, factor: Any) -> Any:
    """target += factor * row; two rows and a scalar."""
    if not _are_rows(target, row):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (target_pointer, total), (_, values) = (_load(context, builder, signature, arguments, i) for i in range(2))
        undefined = ir.Constant(total.type, ir.Undefined)
        first = builder.insert_element(undefined, arguments[2], ir.Constant(ir.IntType(32), 0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        factors = builder.shuffle_vector(first, undefined, everywhere)
        return _add_product(context, builder, target_pointer, total, factors, values)

    return types.void(target, row, target.dtype), generate


@intrinsic
def add_product(typing_context: Any, target: Any, a: Any, b: Any) -> Any:
    """target += a * b, lane by lane; three rows."""
    if not _are_rows(target, a, b):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (target_pointer, total), (_, left), (_, right) = (
            _load(context, builder, signature, arguments, i) for i in range(3)
        )
        return _add_product(context, builder, target_pointer, total, left, right)

    return types.void(target, a, b), generate


def _are_rows(*candidates: Any) -> bool:
    return all(
        isinstance(row, types.Array)
        and row.ndim == 1
        and row.layout == "C"
        and isinstance(row.dtype, types.Float)
        and row.dtype == candidates[0].dtype
        for row in candidates
    )


def _load(context: Any, builder: Any, signature: Any, arguments: Any, index: int) -> tuple[Any, Any]:
    """The row at ``index`` of the arguments: where it stands, and its values as one vector."""
    kind = signature.args[index]
    item = context.get_data_type(kind.dtype)
    array = context.make_array(kind)(context, builder, arguments[index])
    pointer = builder.bitcast(array.data, ir.VectorType(item, LANES).as_pointer())
    return pointer, builder.load(pointer, align=kind.dtype.bitwidth // 8)


def _add_product(context: Any, builder: Any, pointer: Any, total: Any, left: Any, right: Any) -> Any:
    """Stores total + left * right at ``pointer``, fused where the machine can."""
    product = builder.fmul(left, right, flags=("contract",))
    item_bytes = 4 if isinstance(total.type.element, ir.FloatType) else 8
    builder.store(builder.fadd(product, total, flags=("contract",)), pointer, align=item_bytes)
    return context.get_dummy_value()
