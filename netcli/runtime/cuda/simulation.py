"""Runs kernels in Python, with numba's simulator where their threads work together.

A thread of numba's simulator is one of the operating system's, about 50 us each. Threads that share nothing and wait
for nobody can as well run one after the other.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType
from typing import Any

import numpy as np
from numba.cuda.simulator import kernelapi
from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray
from numba.cuda.simulator.kernel import FakeCUDAKernel
from numba.cuda.simulator.kernelapi import Dim3, FakeCUDAModule, swapped_cuda_module

from netcli.runtime.cuda.toolkit import cuda

_TOGETHER = frozenset({"syncthreads", "shared"})


class _SharedMemory(kernelapi.FakeCUDAShared):
    """The simulator's, for arrays with an alignment too, which means nothing here."""

    def array(self, shape: Any, dtype: Any, alignment: int = 0) -> np.ndarray:
        """The array of the line of code that asks: one for all threads."""
        frame = sys._getframe(1)
        place = (frame.f_code.co_filename, frame.f_lineno)
        allocated: np.ndarray | None = self._allocations.get(place)
        if allocated is None:
            # Of threads that come here at once the first one's array is everyone's.
            allocated = self._allocations.setdefault(place, np.empty(shape, dtype))
        return allocated


kernelapi.FakeCUDAShared = _SharedMemory


def simulate(
    function: Callable[..., None], blocks: int | tuple[int, ...], block: int, arguments: Sequence[Any]
) -> None:
    """Runs a kernel on numpy arrays and numbers."""
    if _works_together(function):
        wrapped = [FakeCUDAArray(value) if isinstance(value, np.ndarray) else value for value in arguments]
        cuda.jit(function)[blocks, block](*wrapped)
    else:
        _one_after_the_other(function, blocks, block, arguments)


@functools.cache
def _works_together(function: Callable[..., Any]) -> bool:
    """Whether ``function`` synchronises, or calls a function of the device, which may."""
    assert isinstance(function, FunctionType)
    names = _names(function.__code__)
    called = [function.__globals__.get(name) for name in names]
    called += [cell.cell_contents for cell in function.__closure__ or ()]
    return bool(names & _TOGETHER) or any(
        isinstance(value, FakeCUDAKernel)
        or (isinstance(value, FunctionType) and value is not function and _works_together(value))
        for value in called
    )


def _names(code: CodeType) -> set[str]:
    return set(code.co_names).union(*(_names(c) for c in code.co_consts if isinstance(c, CodeType)))


def _one_after_the_other(
    function: Callable[..., None], blocks: int | tuple[int, ...], block: int, arguments: Sequence[Any]
) -> None:
    grid = (*(blocks if isinstance(blocks, tuple) else (blocks,)), 1, 1)[:3]
    thread: Any = threading.current_thread()
    with swapped_cuda_module(function, FakeCUDAModule(grid, (block, 1, 1), 0)):
        try:
            for place in np.ndindex(*grid):
                thread.blockIdx = Dim3(*place)
                for index in range(block):
                    thread.threadIdx = Dim3(index, 0, 0)
                    function(*arguments)
        finally:
            del thread.blockIdx, thread.threadIdx
