"""Several processes that compile the same kernels at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fcntl")

PROGRAM = """
import sys
import numba
import numpy as np
numba.config.CACHE_DIR = sys.argv[1]
from netcli.runtime.locked_cache import LockedCache

def cached(function):
    compiled = numba.njit(cache=True)(function)
    compiled._cache = LockedCache(function)
    return compiled

@cached
def double(x):
    return 2 * x

@cached
def total(values):
    sum = 0
    for value in values:
        sum += double(value)
    return sum

for kind in sys.argv[2:]:
    assert total(np.ones(3, kind)) == 6
print(sum(total.stats.cache_misses.values()))
"""


def test_each_signature_is_compiled_by_one_process_and_never_confused(tmp_path: Path) -> None:
    program, cache = tmp_path / "program.py", tmp_path / "cache"
    program.write_text(PROGRAM)
    orders = [("f4", "i4"), ("i4", "f4"), ("f4", "i4")]
    jobs = [
        subprocess.Popen([sys.executable, str(program), str(cache), *order], stdout=subprocess.PIPE, text=True)
        for order in orders
    ]
    misses = [int(job.communicate(timeout=120)[0]) for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0, 0]
    assert sum(misses) == 2
    assert len(list(cache.rglob("*total*.nbc"))) == 2


def test_a_lock_that_cannot_be_had_stops_nobody(tmp_path: Path) -> None:
    program, cache = tmp_path / "program.py", tmp_path / "cache"
    impatient = "import sys\nfrom netcli.runtime import locked_cache\nlocked_cache.PATIENCE = 0\n"
    program.write_text(PROGRAM.replace("import sys\n", impatient, 1))
    run = subprocess.run(
        [sys.executable, str(program), str(cache), "f4"], capture_output=True, text=True, check=True,
        timeout=120,
    )  # fmt: skip
    assert run.stdout.strip() == "1"
