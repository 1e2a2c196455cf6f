"""Functions that kernels of several modules call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netcli.runtime.cuda.toolkit import SIMULATED, cuda


def device_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function for kernels of any module, put into them where it is called.

    It must not use ``cuda``: in the simulator it stays a Python function, and what ``cuda`` stands for there is known
    in the kernel's own module only.
    """
    if SIMULATED:
        return function
    compiled: Callable[..., Any] = cuda.jit(device=True, inline="always")(function)
    return compiled
