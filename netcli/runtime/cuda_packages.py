"""Which packages the GPU needs; importable without them."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from netcli.errors import RunError

MODULES = ("numba_cuda", "cuda.core", "cuda.bindings")
INSTALL = "pip install 'netcli[cuda13]'"
"""For drivers of CUDA 13, which are 580 and newer; the extra ``cuda12`` is for older ones."""


def missing_modules(names: Sequence[str] = MODULES) -> list[str]:
    """Those of ``names`` that are not installed."""
    return [name for name in names if not _is_there(name)]


def check_packages(names: Sequence[str] = MODULES) -> None:
    """Raises RunError NC510 with the line that installs them if some of ``names`` are missing."""
    missing = missing_modules(names)
    if missing:
        raise RunError.of(
            "NC510",
            f"a GPU needs packages that are not installed: {', '.join(missing)}",
            hint=f"{INSTALL}, or netcli[cuda12] for a driver older than 580; without --device the CPU computes",
        )


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
