"""What comes before and beside speed: seconds until the first iteration is done, and memory.

Processes are fresh. Seconds count from the start of the process: Python, imports, the net, its kernels and one
iteration. Memory is the most that the process has held (VmHWM) after some iterations, and what it held before it had a
net, with only the libraries loaded.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from speed_rows import Case, Worker, prepared
from speed_worker import LAYOUTS, NETCLI

ITERATIONS = 3
CACHE = "NETCLI_CACHE_DIR"


def cold_start(case: Case) -> dict[str, Any]:
    """Seconds with no kernel compiled before, with all of them in the cache, and of PyTorch."""
    with prepared(case, check=False) as folder, tempfile.TemporaryDirectory() as cache:
        empty, cached = (_first_iteration(NETCLI, NETCLI, folder, {CACHE: cache}) for _ in range(2))
        pytorch = _first_iteration("torch", LAYOUTS[0], folder, {})
    return {
        "row": case.name, "threads": case.threads, "empty_cache_s": empty, "cached_s": cached, "pytorch_s": pytorch
    }  # fmt: skip


def peak_memory(case: Case) -> dict[str, Any]:
    """MiB of netcli and of PyTorch's two layouts."""
    with prepared(case, check=False) as folder:
        memory = {NETCLI: _memory(NETCLI, NETCLI, folder)}
        memory |= {layout: _memory("torch", layout, folder) for layout in LAYOUTS}
    return {"row": case.name, "threads": case.threads, "memory": memory}


def _first_iteration(side: str, variant: str, folder: Path, environment: dict[str, str]) -> float:
    begin = time.perf_counter()
    worker = Worker(side, folder, environment)
    worker.call("run", variant=variant, iterations=1, lead=0)
    seconds = time.perf_counter() - begin
    worker.close()
    return seconds


def _memory(side: str, variant: str, folder: Path) -> dict[str, float]:
    worker = Worker(side, folder)
    worker.call("run", variant=variant, iterations=ITERATIONS, lead=0)
    memory: dict[str, float] = worker.call("memory")
    worker.close()
    return memory
