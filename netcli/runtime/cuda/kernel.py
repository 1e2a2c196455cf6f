"""CUDA kernels: written in Python, typed by a signature, launched without numba's dispatcher.

numba's dispatcher takes about 30 us for a launch with four arrays and four numbers, cuda.core under 1 us with pointers
for arrays. So a kernel takes pointers and numbers only, knows their types beforehand, is compiled to a cubin that is
kept on disk, and is launched on the device's one stream.

    @cuda_kernel("f4*, f4*, u4, f4")
    def relu(x, y, count, slope): ...

    relu(blocks_for(count), x, y, count, slope)

In the simulator the same call runs the function in Python on the arrays' twins.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from netcli.runtime.cuda import device, recording, toolkit
from netcli.runtime.cuda.cubins import cubin_of

BLOCK = 8 if toolkit.SIMULATED else 256
"""Threads of a block where the kernel does not care."""

Blocks = int | tuple[int, ...]

NUMBERS: dict[str, Callable[[Any], Any]] = {"i4": np.int32, "u4": np.uint32, "f4": np.float32}
POINTERS = tuple(f"{name}*" for name in NUMBERS)

_POINTER = operator.attrgetter("pointer")
# Sizes are the same in every iteration; to make numpy's numbers of them costs more than the launch.
_PREPARED = NUMBERS | {name: functools.lru_cache(1 << 14)(NUMBERS[name]) for name in ("i4", "u4")}

KERNELS: list[CudaKernel] = []
"""All that are defined: what the check of compiled kernels goes through."""


def blocks_for(count: int, block: int = BLOCK) -> int:
    """How many blocks have a thread for each of ``count`` elements; at least one."""
    return max(1, -(-count // block))


class CudaKernel:
    """A kernel with its types.

    Args:
        function: the body, which returns nothing.
        signature: the arguments' types, as ``cuda_kernel`` has them.
        block: threads of a block.

    Attributes:
        name: of the function; kernels that a factory makes have one each.
    """

    def __init__(self, function: Callable[..., None], types: Sequence[str], block: int) -> None:
        self.function = function
        self.name = function.__name__
        self.module = function.__module__
        self.types = tuple(types)
        self.block = block
        self._convert = [_POINTER if t in POINTERS else _PREPARED[t] for t in self.types]
        self._first_real = next((index for index, t in enumerate(self.types) if t == "f4*"), None)
        self._loaded: Any = None
        self._configurations: dict[Blocks, Any] = {}

    def __call__(self, blocks: Blocks, *arguments: Any) -> None:
        """Runs on ``blocks``, one to three numbers; arrays are DeviceArrays, numbers plain ones."""
        if toolkit.SIMULATED:
            if not recording.takes(self.__call__, blocks, *arguments):
                self._simulate(blocks, arguments)
            return
        configuration = self._configurations.get(blocks)
        if configuration is None:
            configuration = self._configure(blocks)
        toolkit.core.launch(
            device.current().stream,
            configuration,
            self._loaded,
            *[convert(argument) for convert, argument in zip(self._convert, arguments, strict=True)],
        )

    def __repr__(self) -> str:
        return f"CudaKernel({self.module}.{self.name})"

    def _configure(self, blocks: Blocks) -> Any:
        if self._loaded is None:
            cubin = cubin_of(self, device.current().capability)
            self._loaded = toolkit.core.ObjectCode.from_cubin(cubin.code).get_kernel(cubin.entry)
        configuration = toolkit.core.LaunchConfig(grid=blocks, block=self.block)
        self._configurations[blocks] = configuration
        return configuration

    def _simulate(self, blocks: Blocks, arguments: Sequence[Any]) -> None:
        from netcli.runtime.cuda.simulation import simulate

        # A float64 net, as gradient checks make it, has float64 arrays and so float64 numbers.
        first = None if self._first_real is None else arguments[self._first_real]
        real = np.float32 if first is None else first.dtype.type
        converted = [
            argument.simulated
            if type_name in POINTERS
            else (real if type_name == "f4" else NUMBERS[type_name])(argument)
            for type_name, argument in zip(self.types, arguments, strict=True)
        ]
        simulate(self.function, blocks, self.block, converted)


def cuda_kernel(signature: str, block: int = BLOCK) -> Callable[[Callable[..., None]], CudaKernel]:
    """Makes a kernel of a function. Raises ValueError for an unknown type, or a name that the module has already.

    Args:
        signature: the types of its arguments, e.g. "f4*, f4*, u4, f4": pointers to float32 (f4), int32 (i4) and
            uint32 (u4), and numbers of these.
        block: threads of a block, one number.
    """
    types = [part.strip() for part in signature.split(",")]
    unknown = [t for t in types if t not in NUMBERS and t not in POINTERS]
    if unknown:
        raise ValueError(f"types of a kernel's arguments: {', '.join(unknown)}")

    def make(function: Callable[..., None]) -> CudaKernel:
        kernel = CudaKernel(function, types, block)
        if any((kernel.module, kernel.name) == (other.module, other.name) for other in KERNELS):
            raise ValueError(f"two kernels are called {kernel.module}.{kernel.name}")
        KERNELS.append(kernel)
        return kernel

    return make
