"""Where compiled kernels and made data sets are kept between runs.

numba's own cache does not notice an edit in a function of another file that a kernel calls, nor another CPU
feature string. So each module's kernels have a folder whose name is a hash of the module, of all netcli
modules behind it, of the versions and of the machine; an edit recompiles what it can have changed, no more.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import sys
from pathlib import Path

import netcli

_IMPORT = re.compile(r"^ *from (netcli[\w.]*) import (\w*)", re.MULTILINE)


def cache_root() -> Path:
    """The user's cache folder for netcli: NETCLI_CACHE_DIR, else XDG_CACHE_HOME/netcli, else ~/.cache/netcli."""
    own = os.environ.get("NETCLI_CACHE_DIR")
    if own:
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "netcli"


def kernel_cache_folder(module: Path, machine: str) -> Path:
    """The folder for the kernels of the file ``module`` on ``machine`` (CPU, features, lanes, versions)."""
    digest = hashlib.sha256(f"{machine} {sys.version_info[:2]}".encode())
    for file in sorted(sources_behind(module)):
        digest.update(file.as_posix().encode())
        digest.update(_content(file))
    return cache_root() / "kernels" / digest.hexdigest()[:32]


@functools.cache
def sources_behind(module: Path) -> frozenset[Path]:
    """The file ``module`` and every netcli module that it imports, directly or not."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting.extend(_imported(file))
    return frozenset(found)


@functools.cache
def _content(file: Path) -> bytes:
    return file.read_bytes()


@functools.cache
def _imported(file: Path) -> tuple[Path, ...]:
    root = Path(netcli.__file__).parent.parent
    names = _IMPORT.findall(_content(file).decode())
    candidates = [
        root / f"{name.replace('.', '/')}.py" for package, item in names for name in (package, f"{package}.{item}")
    ]
    return tuple(candidate for candidate in candidates if candidate.is_file())
