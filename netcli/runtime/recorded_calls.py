"""Which kernels a program would call, found out without running or compiling any of them.

A kernel's Python side decides by shapes, not by numbers. So a pass over a net whose kernels do nothing still calls them
all, with arguments of the right types, in a fraction of a second and without touching the memory of a single blob.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from numba.core.registry import CPUDispatcher

Compile = Callable[[], object]


class RecordedCalls:
    """What has to be compiled, each once, in the order in which it is needed first."""

    def __init__(self) -> None:
        self._compiles: dict[Any, Compile] = {}

    @property
    def compiles(self) -> list[Compile]:
        """Each compiles one kernel for one signature, or takes it from the cache."""
        return list(self._compiles.values())

    def instead_of(self, kernel: CPUDispatcher) -> None:
        """From now on a call of ``kernel`` from Python is written down, and is not made."""
        kernel.__class__ = _RecordedKernel
        kernel.calls = self

    def add(self, key: Any, compile_it: Compile) -> None:
        """Notes something to compile, unless ``key`` is there."""
        self._compiles.setdefault(key, compile_it)


class _RecordedKernel(CPUDispatcher):
    """A kernel whose calls lead to a note. Kernels that call it still find a function of numba's."""

    def __call__(self, *arguments: Any) -> Any:
        signature = tuple(self.typeof_pyval(argument) for argument in arguments)
        self.calls.add((self, signature), functools.partial(self.compile, signature))
        return _stand_in(self.py_func)


@functools.cache
def _stand_in(function: Callable[..., Any]) -> int | tuple[int, ...] | None:
    """In the form of what ``function`` returns, -1s: where kernels tell what is wrong, that is nothing."""
    source = textwrap.dedent(inspect.getsource(function))
    returned = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Return) and node.value]
    if not returned:
        return None
    return (-1,) * len(returned[0].elts) if isinstance(returned[0], ast.Tuple) else -1
