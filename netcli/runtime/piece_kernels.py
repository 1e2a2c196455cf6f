"""What kernels do with tables of ``netcli.runtime.pieces``."""

from __future__ import annotations

from typing import Any

from numba import carray, prange, types
from numba.extending import intrinsic

from netcli.runtime.jit import kernel, parallel_kernel


@intrinsic
def _pointer(typing_context: Any, address: Any, like: Any) -> Any:
    """``address`` as a pointer to values of the type of ``like``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(like)(types.int64, like), generate


@kernel
def values_of(table, piece, column, like):
    """The values of a piece in a column of arrays of the type of ``like``."""
    return carray(_pointer(table[piece, 2 + column], like), (table[piece, 1],))


@parallel_kernel
def clear(table, zero):
    """All values become ``zero``."""
    for piece in prange(len(table)):
        values = values_of(table, piece, 0, zero)
        for i in range(values.size):
            values[i] = zero
