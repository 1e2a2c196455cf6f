"""Which products a process computes by itself, and which by NVIDIA's libraries.

    own       netcli's kernels, for everything
    cublas    cuBLAS for products of matrices, and for convolutions over windows that are written out
    cudnn     cuDNN for convolutions, cuBLAS for products of matrices

In float32, or, with ``tf32``, with the operands of products rounded to 10 bits of mantissa, which tensor cores multiply
some seven times as fast; netcli's own kernels have no use for these. Libraries are looked for when they are chosen.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from netcli.errors import RunError


class Engine(enum.Enum):
    """What computes products."""

    OWN = "own"
    CUBLAS = "cublas"
    CUDNN = "cudnn"


@dataclass(frozen=True)
class Choice:
    """The engine in use, and whether its products may be in TF32."""

    engine: Engine = Engine.OWN
    tf32: bool = False


_chosen: list[Choice] = [Choice()]


def chosen() -> Choice:
    """The choice in force: netcli's own kernels, in float32, unless ``choose`` has said otherwise."""
    return _chosen[-1]


def choose(engine: str, *, tf32: bool = False) -> None:
    """Takes an engine for all layers that are made from now on.

    Raises:
        RunError: NC510 if its library is not installed, or has no TF32.
    """
    choice = Choice(Engine(engine), tf32)
    if choice.engine is Engine.OWN and tf32:
        raise RunError.of(
            "NC510",
            "TF32 is not available with netcli's own kernels",
            expected="--cuda-engine cublas or cudnn",
            actual="own",
        )
    if choice.engine is not Engine.OWN:
        from netcli.runtime.cuda import cublas

        cublas.load()
    if choice.engine is Engine.CUDNN:
        from netcli.runtime.cuda import cudnn

        cudnn.load()
    _chosen[-1] = choice
