"""Which tests of CUDA can run here: those in numba's simulator, those that only compile, those that need a GPU.

NUMBA_ENABLE_CUDASIM=1 pytest -m cuda_sim tests/cuda      numba alone; a process of its own
pytest -m cuda_compile tests/cuda                         the packages of the extra cuda13
pytest -m gpu tests/cuda                                  these, a driver and a GPU
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

# The table of layers and the names of nets are those of the tests beside these.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "layers"))

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"


def _has_packages() -> bool:
    if SIMULATED or importlib.util.find_spec("numba_cuda") is None:
        return False
    return importlib.util.find_spec("cuda") is not None and importlib.util.find_spec("cuda.core") is not None


def _has_gpu() -> bool:
    if not _has_packages():
        return False
    from netcli.errors import NetcliError
    from netcli.runtime.cuda import device

    try:
        device.current()
    except NetcliError:
        return False
    return True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what cannot run here."""
    here = Path(__file__).parent
    marked = {name: [item for item in items if here in item.path.parents and item.get_closest_marker(name)]
              for name in ("cuda_sim", "cuda_compile", "gpu")}  # fmt: skip
    reasons = {
        "cuda_sim": None if SIMULATED else "needs NUMBA_ENABLE_CUDASIM=1 from the start of the process",
        "cuda_compile": None if _has_packages() else "needs the packages of the extra cuda13, and no simulator",
        "gpu": None if not marked["gpu"] or _has_gpu() else "needs a CUDA device",
    }
    for name, reason in reasons.items():
        # A test may do for two of them.
        for item in marked[name] if reason else ():
            others = [other for other in reasons if other != name and item.get_closest_marker(other)]
            if all(reasons[other] for other in others):
                item.add_marker(pytest.mark.skip(reason=reason))
