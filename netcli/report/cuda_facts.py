"""What a machine has for computing on a GPU: packages, driver, devices, libraries, compiled kernels."""

from __future__ import annotations

import importlib
import importlib.metadata
from contextlib import suppress
from typing import Any

from netcli.errors import NetcliError
from netcli.runtime.cuda_packages import INSTALL, missing_modules

PACKAGES = ("numba-cuda", "cuda-core", "cuda-bindings", "nvidia-nvjitlink")


def cuda_facts() -> dict[str, Any]:
    """Packages by version, the driver's CUDA version, devices, libraries; ``problem`` says why there are no devices.

    Imports CUDA's packages where they are installed.
    """
    from netcli.report.machine import cache_usage
    from netcli.runtime.cache import cache_root

    missing = missing_modules()
    facts: dict[str, Any] = {
        "packages": _versions(),
        "missing": missing,
        "driver": None,
        "devices": [],
        "libraries": [],
        "cubins_bytes": cache_usage(cache_root() / "cubins"),
        "problem": f"not installed: {INSTALL}" if missing else None,
    }
    if missing:
        return facts
    try:
        from netcli.runtime.cuda import device

        facts["driver"], facts["devices"] = device.driver_version(), device.devices()
    except NetcliError as error:
        facts["problem"] = error.findings[0].message
    facts["libraries"] = _libraries()
    return facts


def cuda_lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and value for each line of ``netcli doctor``."""
    lines = [("CUDA packages", ", ".join(f"{name} {version}" for name, version in facts["packages"].items()) or "none")]
    if facts["problem"]:
        lines.append(("CUDA", facts["problem"]))
    if facts["driver"]:
        lines.append(("CUDA driver", f"for CUDA {facts['driver']}"))
    lines += [
        (f"cuda:{found['number']}", f"{found['name']}, {found['memory'] / 2**30:.0f} GiB, sm_{found['capability']}")
        for found in facts["devices"]
    ]
    if not facts["missing"]:
        lines.append(("CUDA libraries", ", ".join(facts["libraries"]) or "none: netcli's own kernels do without"))
    return lines


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _libraries() -> list[str]:
    """Libraries of NVIDIA's that can be loaded: engines for products."""
    pathfinder = importlib.import_module("cuda.pathfinder")
    found = []
    for name in ("cublas", "cudnn"):
        with suppress(Exception):
            pathfinder.load_nvidia_dynamic_lib(name)
            found.append(name)
    return found
