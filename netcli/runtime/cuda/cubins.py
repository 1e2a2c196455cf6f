"""Compiled kernels, kept on disk: a kernel is compiled once for each kind of device.

Neither compiling nor linking needs a driver. What is kept is found by the sources behind a kernel, its name, signature
and block, the architecture and the versions of what compiled it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from netcli.runtime.cache import cache_root, sources_behind
from netcli.runtime.cuda import toolkit

COMPILERS = (
    "numba", "numba-cuda", "llvmlite", "cuda-core", "nvidia-nvvm", "nvidia-nvjitlink", "nvidia-nvjitlink-cu12",
    "nvidia-cuda-nvcc-cu12",
)  # fmt: skip
"""Packages that a cubin depends on; which of the NVIDIA ones are there depends on the extra."""

_ENTRY = re.compile(r"\.visible \.entry (\w+)")


class Source(Protocol):
    """What is compiled: a kernel's body, its name and module, the types of its arguments, the threads of a block."""

    function: Callable[..., None]
    name: str
    module: str
    types: tuple[str, ...]
    block: int


@dataclass(frozen=True)
class Cubin:
    """Machine code of one kernel, and the name that it has there."""

    code: bytes
    entry: str


@dataclass(frozen=True)
class Compiled:
    """A kernel right from the compiler: its cubin, its PTX and the assembler's report."""

    cubin: Cubin
    ptx: str
    report: str


def compiled(kernel: Source, capability: tuple[int, int]) -> Compiled:
    """Compiles ``kernel`` for devices of ``capability``, e.g. (9, 0)."""
    numba_types = toolkit.numba_types(kernel.types)
    text = toolkit.ptx(kernel.function, numba_types, capability, kernel.block)
    found = _ENTRY.search(text)
    assert found, f"{kernel}: no entry in its PTX"
    code, report = toolkit.linked(text, capability)
    return Compiled(Cubin(code, found[1]), text, report)


def cubin_of(kernel: Source, capability: tuple[int, int]) -> Cubin:
    """From the cache, or compiled now and put there. A cache that cannot be written is none."""
    path = cubin_folder() / f"{_digest(kernel, capability)}.cubin"
    try:
        entry, _, code = path.read_bytes().partition(b"\n")
    except OSError:
        cubin = compiled(kernel, capability).cubin
        with suppress(OSError):
            _keep(path, cubin.entry.encode() + b"\n" + cubin.code)
        return cubin
    return Cubin(code, entry.decode())


def cubin_folder() -> Path:
    """Where cubins are kept."""
    return cache_root() / "cubins"


def _digest(kernel: Source, capability: tuple[int, int]) -> str:
    digest = hashlib.sha256()
    facts = (kernel.name, kernel.module, kernel.types, kernel.block, capability, sys.version_info[:2], *_versions())
    digest.update(repr(facts).encode())
    for file in sorted(sources_behind(Path(kernel.function.__code__.co_filename))):
        digest.update(file.as_posix().encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:32]


def _versions() -> list[str]:
    found = []
    for name in COMPILERS:
        with suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{name} {importlib.metadata.version(name)}")
    return found


def _keep(path: Path, content: bytes) -> None:
    """Writes the file whole or not at all: other processes may be at it too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise
