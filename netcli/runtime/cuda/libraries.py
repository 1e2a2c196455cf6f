"""NVIDIA's libraries, found at run time: in NVIDIA's Python packages, a CUDA installation, or the system's folders."""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable
from typing import Any

from netcli.errors import RunError
from netcli.runtime.cuda import toolkit


class Library:
    """A C library whose functions return a status, 0 for success.

    Args:
        name: as ``cuda.pathfinder`` knows it.
        title: as people do.
        packages: what to install, for CUDA 13 and 12.
        message: the function that names a status.

    Raises:
        RunError: NC510 if it is not found.
    """

    def __init__(self, name: str, title: str, packages: tuple[str, str], message: str) -> None:
        self.title = title
        if toolkit.SIMULATED:
            raise RunError.of("NC510", f"{title} cannot be used: there is no GPU in the simulator")
        pathfinder = importlib.import_module("cuda.pathfinder")
        try:
            self._library = ctypes.CDLL(pathfinder.load_nvidia_dynamic_lib(name).abs_path)
        except (pathfinder.DynamicLibNotFoundError, OSError) as error:
            raise RunError.of(
                "NC510",
                f"{title} is not installed",
                hint=f"pip install {packages[0]} ({packages[1]} for CUDA 12), or --cuda-engine own",
            ) from error
        self._message = getattr(self._library, message)
        self._message.restype = ctypes.c_char_p
        self._message.argtypes = [ctypes.c_int]

    def function(self, name: str, *types: Any) -> Callable[..., None]:
        """The function ``name`` with arguments of these C types; it raises RunError NC516 where its status is not 0."""
        function = getattr(self._library, name)
        function.argtypes = types
        function.restype = ctypes.c_int

        def call(*arguments: Any) -> None:
            status = function(*arguments)
            if status:
                raise self.error(name, status)

        return call

    def error(self, name: str, status: int) -> RunError:
        """What ``name`` has answered, as an error."""
        return RunError.of(
            "NC516",
            f"{self.title} reports: {self._message(status).decode()} ({name})",
            hint="the same run with --cuda-engine own tells whether the library is at fault",
        )
