"""Choosing the engine of products: its libraries must be there before anything is computed."""

from __future__ import annotations

from netcli.errors import RunError
from netcli.runtime.cuda import cublas, cudnn
from netcli.runtime.cuda.engine import Choice, Engine, take


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
        cublas.load()
    if choice.engine is Engine.CUDNN:
        cudnn.load()
    take(choice)
