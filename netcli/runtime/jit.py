"""The one place that knows how a CPU kernel is compiled.

Every kernel of netcli is decorated with ``kernel`` or ``parallel_kernel``, so that flags, cache and vector
width cannot drift apart. Kernels are typed at the call, by the arrays they get: float32 in use, float64 in
gradient checks. A scalar argument must have the arrays' type (``Layer.real``), or numba would compute in
float64.

``fastmath`` lets LLVM fuse and reorder sums, which is what makes reductions vectorise; it does not assume
away NaN or infinity, which must come out where they went in. ``error_model="numpy"`` divides by zero as
IEEE does instead of raising.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding
import numba
from numba.core import sigutils
from numba.core.ccallback import CFunc

from netcli.runtime.cache import kernel_cache_folder
from netcli.runtime.compiled_code import use_self_contained_code
from netcli.runtime.cpu import cpu_features, cpu_name, lane_count, wants_plain_loops
from netcli.runtime.locked_cache import LockedCache
from netcli.runtime.recorded_calls import RecordedCalls

LANES: int = lane_count()
MOST_THREADS: int = numba.config.NUMBA_NUM_THREADS
"""``get_thread_id`` is always below, whatever happens to the environment or to the cores of the process later."""

_MACHINE = (
    f"{cpu_name()} {cpu_features()} {LANES} {'loops ' if wants_plain_loops() else ''}"
    f"numba {numba.__version__} llvmlite {llvmlite.__version__}"
)

numba.config.CPU_NAME = cpu_name()
numba.config.CPU_FEATURES = cpu_features()
if "NUMBA_THREADING_LAYER" not in os.environ:
    # An empty parallel loop costs 2 us in OpenMP and 20 to 600 us in the other layers.
    numba.config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]
if "OMP_WAIT_POLICY" not in os.environ:
    # OpenMP's threads spin at the end of a loop until the last one is there. On a machine that is busy with
    # other work they then keep the very thread waiting that they wait for. So they spin for about as long as the
    # next loop is usually away: a training iteration of LeNet takes 4.9 ms on an idle machine and 10 on a busy one
    # with 3,000.
    os.environ.setdefault("GOMP_SPINCOUNT", "6000")

use_self_contained_code()

_linked: list[Any] = []
"""What the linker knows must stay in memory."""

_recorded: RecordedCalls | None = None

_OPTIONS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "fastmath": {"contract", "reassoc", "nsz"},
    "error_model": "numpy",
}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles a serial kernel, or a scalar body that kernels call, at its first call."""
    return _compiled(function)


def parallel_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles a kernel whose ``prange`` loops run on all threads of ``netcli.runtime.threads``."""
    return _compiled(function, parallel=True)


def linked_function(symbol: str, signature: Any, function: Callable[..., Any]) -> None:
    """Compiles a C function, or takes it from the cache, and makes it known to the linker as ``symbol``."""
    numba.config.CACHE_DIR = _cache_folder(function)
    compiled: Any = CFunc(function, sigutils.normalize_signature(signature), locals={}, options={})
    compiled._cache = LockedCache(function)
    _linked.append(compiled)
    if _recorded is not None:
        _recorded.add(symbol, compiled.compile)
        # Kernels that call it can be compiled, and will not be run.
        llvmlite.binding.add_symbol(symbol, id(compiled))
        return
    compiled.compile()
    llvmlite.binding.add_symbol(symbol, compiled.address)


def record_calls() -> RecordedCalls:
    """Kernels of modules that are imported from now on are not run in this process: their calls are written down."""
    global _recorded
    _recorded = RecordedCalls()
    return _recorded


def _compiled(function: Callable[..., Any], **options: bool) -> Callable[..., Any]:
    # numba reads the setting when the cache of a function is made, which is here.
    numba.config.CACHE_DIR = _cache_folder(function)
    compiled = numba.njit(**_OPTIONS, **options)(function)
    compiled._cache = LockedCache(function)
    if _recorded is not None:
        _recorded.instead_of(compiled)
    return compiled


def _cache_folder(function: Callable[..., Any]) -> str:
    return str(kernel_cache_folder(Path(function.__code__.co_filename), _MACHINE))
