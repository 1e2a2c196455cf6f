"""Kernels whose calls are written down: in processes of their own, for it cannot be taken back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import numpy as np
from netcli.runtime import jit
recorded = jit.record_calls()
from program_kernels import double, doubled_sum, worst
x = np.ones(3, np.float32)
assert double(x) is None and (x == 1).all()
assert doubled_sum(x) == -1
assert worst(x, np.float32(2)) == (-1, -1)
double(x)
double(x.astype(np.float64))
assert [kernel.func.__self__.py_func.__name__ for kernel in recorded.compiles] == [
    "double", "doubled_sum", "worst", "double"
]
for compile_it in recorded.compiles:
    compile_it()
print([len(kernel.signatures) for kernel in (double, doubled_sum, worst)])
"""
KERNELS = """
from netcli.runtime.jit import kernel

@kernel
def double(x):
    for i in range(x.size):
        x[i] *= 2

@kernel
def doubled_sum(x):
    double(x)
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i]
    return total

@kernel
def worst(x, limit):
    for i in range(x.size):
        if x[i] > limit:
            return x[i], i
    return limit, -1
"""


def test_calls_are_written_down_and_compiled_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "program_kernels.py").write_text(KERNELS)
    (tmp_path / "program.py").write_text(PROGRAM)
    monkeypatch.setenv("NETCLI_CACHE_DIR", str(tmp_path / "cache"))
    run = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stderr) == (0, "")
    # What one kernel calls of another is compiled with it.
    assert run.stdout == "[2, 1, 1]\n"
    assert {path.name.split(".")[1].split("-")[0] for path in (tmp_path / "cache").rglob("*.nbc")} == {
        "double", "doubled_sum", "worst"
    }  # fmt: skip
