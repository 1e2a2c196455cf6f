"""The one importer of numba's CUDA and of cuda.core.

``cuda`` is numba's module, for the bodies of kernels. With ``NUMBA_ENABLE_CUDASIM=1`` in the environment numba runs
kernels in Python (``SIMULATED``), and nothing but numba is needed; else the packages of the extra ``cuda13`` or
``cuda12`` are. No driver and no device are needed to import this, or to compile.

Raises:
    RunError: NC510 at import if the packages are missing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numba

from netcli.runtime.cuda_packages import check_packages

SIMULATED: bool = bool(numba.config.ENABLE_CUDASIM)

core: Any = None
driver: Any = None
if not SIMULATED:
    check_packages()
    core = importlib.import_module("cuda.core")
    driver = importlib.import_module("cuda.bindings.driver")
cuda: Any = importlib.import_module("numba.cuda")


def numba_types(names: Sequence[str]) -> Any:
    """The signature of a kernel with arguments of these types, as ``netcli.runtime.cuda.kernel`` calls them."""
    numbers = {"i4": numba.types.int32, "u4": numba.types.uint32, "f4": numba.types.float32}
    return numba.types.void(
        *(numba.types.CPointer(numbers[name[:-1]]) if name.endswith("*") else numbers[name] for name in names)
    )


@contextmanager
def compiling_for(capability: tuple[int, int]) -> Iterator[None]:
    """Lets numba compile functions that kernels call without asking a driver for the device."""
    from numba.cuda import dispatcher

    asked = dispatcher.get_current_device
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=capability)
    try:
        yield
    finally:
        dispatcher.get_current_device = asked


def ptx(function: Callable[..., Any], signature: Any, capability: tuple[int, int], threads: int) -> str:
    """The PTX of a kernel for blocks of ``threads``. Divisions and roots are IEEE's, products and sums fuse."""
    with compiling_for(capability):
        text, _ = cuda.compile(
            function, signature, cc=capability, device=False, abi="numba", launch_bounds=threads, fastmath=False
        )
    return str(text)


def linked(text: str, capability: tuple[int, int]) -> tuple[bytes, str]:
    """(the cubin made of PTX, the assembler's report on registers, spills and stack). Needs no driver."""
    options = core.LinkerOptions(arch=f"sm_{capability[0]}{capability[1]}", ptxas_options=["-v"])
    linker = core.Linker(core.ObjectCode.from_ptx(text.encode()), options=options)
    return bytes(linker.link("cubin").code), str(linker.get_info_log())
