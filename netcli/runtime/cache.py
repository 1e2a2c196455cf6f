"""Where compiled kernels and made data sets are kept between runs.

numba's own cache does not notice an edit in a function that a kernel calls, nor another CPU feature
string, so the folder's name carries a hash of every kernel source, the versions and the machine.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from pathlib import Path

import netcli


def cache_root() -> Path:
    """The user's cache folder for netcli: NETCLI_CACHE_DIR, else XDG_CACHE_HOME/netcli, else ~/.cache/netcli."""
    own = os.environ.get("NETCLI_CACHE_DIR")
    if own:
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "netcli"


@functools.cache
def kernel_source_hash() -> str:
    """Hash of all Python sources that can end up in a kernel: netcli/layers, netcli/runtime, netcli/solver."""
    package = Path(netcli.__file__).parent
    digest = hashlib.sha256()
    for folder in ("layers", "runtime", "solver"):
        for file in sorted((package / folder).rglob("*.py")):
            digest.update(file.relative_to(package).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def kernel_cache_folder(machine: str) -> Path:
    """The folder for kernels compiled from these sources for ``machine`` (CPU, features, lanes, versions)."""
    key = hashlib.sha256(f"{machine} {sys.version_info[:2]}".encode()).hexdigest()[:16]
    return cache_root() / "kernels" / f"{kernel_source_hash()}-{key}"
