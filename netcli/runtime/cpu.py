"""What this CPU is, and how many images one vector register holds.

The environment variable NETCLI_LANES (4, 8 or 16) overrides the choice, and NETCLI_TILES=loops takes plain loops for
the emitted vector code: the tests use them to run everything on one machine.
"""

from __future__ import annotations

import functools
import os

from netcli.errors import ConfigError

LANE_WIDTHS = (4, 8, 16)


@functools.cache
def cpu_name() -> str:
    """LLVM's name of the host, e.g. ``sapphirerapids``."""
    from llvmlite import binding as llvm

    return llvm.get_host_cpu_name()


@functools.cache
def cpu_features() -> str:
    """LLVM's feature string of the host, with 512-bit vectors allowed where the CPU has them.

    LLVM prefers 256-bit vectors even on CPUs that have 512-bit ones; the lanes layout wants the full width.
    """
    from llvmlite import binding as llvm

    return llvm.get_host_cpu_features().flatten() + ",-prefer-256-bit"


@functools.cache
def lane_count() -> int:
    """Images in one lane group: 16 with AVX-512, 8 with AVX, 4 otherwise (SSE, NEON)."""
    forced = os.environ.get("NETCLI_LANES")
    if forced is not None:
        if forced not in map(str, LANE_WIDTHS):
            raise ConfigError.of(
                "NC501", "NETCLI_LANES is not a lane count", expected="4, 8 or 16", actual=forced or "nothing"
            )
        return int(forced)
    from llvmlite import binding as llvm

    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return 16
    return 8 if features.get("avx") else 4


def wants_plain_loops() -> bool:
    """Whether the tiles are to be plain loops: see ``netcli.runtime.tiles``."""
    return os.environ.get("NETCLI_TILES") == "loops"
