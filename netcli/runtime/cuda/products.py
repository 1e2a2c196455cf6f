"""Products of matrices by the engine in use; see ``gemm`` for what they are."""

from __future__ import annotations

import numpy as np

from netcli.runtime.cuda import engine, gemm
from netcli.runtime.cuda.engine import Engine
from netcli.runtime.cuda.gemm import Scratch
from netcli.runtime.cuda.kernel import blocks_for, cuda_kernel
from netcli.runtime.cuda.memory import DeviceArray
from netcli.runtime.cuda.toolkit import cuda

uint32 = np.uint32


@cuda_kernel("f4*, f4*, u4, u4")
def add_to_rows(bias, out, count, columns):  # type: ignore[no-untyped-def]
    """out (rows, columns) += bias (columns,)."""
    at = uint32(cuda.grid(1))
    if at < count:
        out[at] += bias[uint32(at % columns)]


def multiply(
    a: DeviceArray,
    b: DeviceArray,
    out: DeviceArray,
    shape: tuple[int, int, int],
    scratch: Scratch,
    *,
    a_transposed: bool = False,
    b_transposed: bool = False,
    bias: DeviceArray | None = None,
    accumulate: bool = False,
) -> None:
    """out (m, n) = op(a) op(b) [+ bias] [+ out], with ``shape`` (m, n, k). Not for both operands transposed."""
    if engine.chosen().engine is Engine.OWN:
        gemm.multiply(
            a, b, out, shape, scratch, a_transposed=a_transposed, b_transposed=b_transposed, bias=bias,
            accumulate=accumulate,
        )  # fmt: skip
        return
    from netcli.runtime.cuda import cublas

    cublas.load().multiply(
        a, b, out, shape, a_transposed=a_transposed, b_transposed=b_transposed, accumulate=accumulate
    )
    if bias is not None:
        m, n, _ = shape
        add_to_rows(blocks_for(m * n), bias, out, m * n, n)
