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
    """The choice in force: netcli's own kernels, in float32, unless ``take`` has said otherwise."""
    return _chosen[-1]


def take(choice: Choice) -> None:
    """Puts a choice in force for all layers that are made from now on; ``netcli.runtime.cuda.engines`` checks it."""
    _chosen[-1] = choice
