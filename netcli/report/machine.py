"""What a run depends on besides its config: versions and the machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Any

from netcli import __version__

PACKAGES = ("numpy", "numba", "llvmlite", "protobuf", "click", "rich", "lmdb", "threadpoolctl")
OPTIONAL_PACKAGES = {
    "opencv-python-headless": "images",
    "h5py": "hdf5",
    "matplotlib": "plot",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "safetensors": "safetensors",
    "tensorboardX": "tensorboard",
}
"""package -> the extra that brings it"""


def versions() -> dict[str, str]:
    """Version by package, of netcli and all that it always needs."""
    return {"netcli": __version__, **{name: importlib.metadata.version(name) for name in PACKAGES}}


def optional_versions() -> dict[str, str | None]:
    """Version by package, of what extras bring; None where it is not installed."""
    found: dict[str, str | None] = {}
    for name in OPTIONAL_PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def machine() -> dict[str, Any]:
    """Python, platform and CPU, as kernels are compiled for them. Imports llvmlite, but not numba."""
    from netcli.runtime.cpu import cpu_name, lane_count
    from netcli.runtime.threads import available_cores

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "cores": available_cores(),
        "lanes": lane_count(),
    }


def threading_layer() -> str:
    """The layer that numba's parallel loops run on. Runs one, since numba chooses at the first."""
    import numba
    import numpy as np

    from netcli.runtime.piece_kernels import clear
    from netcli.runtime.pieces import Pieces

    clear(Pieces().table([np.ones(1, np.float32)]), np.float32(0))
    layer: str = numba.threading_layer()
    return layer


def cache_usage(folder: str | os.PathLike[str]) -> int:
    """Bytes of all files in ``folder``."""
    return sum(
        entry.stat().st_size if entry.is_file(follow_symlinks=False) else cache_usage(entry.path)
        for entry in (os.scandir(folder) if os.path.isdir(folder) else ())
        if not entry.is_symlink()
    )
