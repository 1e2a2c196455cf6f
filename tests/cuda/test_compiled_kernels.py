"""Every kernel compiles for sm_90 without a device, to what a GPU is fast at.

No instruction in float64, of which a GPU has few units and which creep in with a literal; nothing in the slow memory
of a thread that was meant for registers; and registers enough left for the blocks that a multiprocessor should hold.
"""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

import netcli
from netcli.errors import NetcliError

pytestmark = pytest.mark.cuda_compile

HOPPER = (9, 0)
REGISTERS = 65536
"""Of a multiprocessor; a block must fit."""


def _kernels():
    """All kernels of all modules that may define some."""
    try:
        from netcli.runtime.cuda.kernel import KERNELS
    except NetcliError:
        return []
    for module in pkgutil.walk_packages(netcli.__path__, "netcli."):
        parts = module.name.split(".")
        if "cuda" in parts or parts[-1].startswith("cuda_"):
            importlib.import_module(module.name)
    return sorted(KERNELS, key=repr)


@pytest.fixture(scope="module")
def capability():
    return HOPPER


@pytest.mark.parametrize(
    "kernel", _kernels(), ids=lambda kernel: f"{kernel.module.removeprefix('netcli.')}.{kernel.name}"
)
def test_a_kernel_is_lean_machine_code(kernel, capability):
    from netcli.runtime.cuda.cubins import compiled

    made = compiled(kernel, capability)
    assert not re.search(r"\.f64\b", made.ptx), "float64 instructions"
    stack, stores, loads = map(
        int,
        re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", made.report).groups(),
    )
    assert (stores, loads) == (0, 0), "registers are spilt"
    assert stack == 0, "a stack frame"
    registers = int(re.search(r"Used (\d+) registers", made.report)[1])
    assert registers * kernel.block <= REGISTERS
    assert registers <= 255


def test_there_are_kernels():
    assert _kernels()


def test_a_cubin_is_kept_on_disk(tmp_path, monkeypatch):
    from netcli.runtime.cuda import cubins

    monkeypatch.setenv("NETCLI_CACHE_DIR", str(tmp_path))
    kernel = _kernels()[0]
    first = cubins.cubin_of(kernel, HOPPER)
    monkeypatch.setattr(cubins, "compiled", lambda *_: pytest.fail("it was compiled again"))
    assert cubins.cubin_of(kernel, HOPPER) == first
    assert len(list(cubins.cubin_folder().iterdir())) == 1


def test_a_cubin_is_another_one_for_another_device(monkeypatch):
    from netcli.runtime.cuda import cubins

    kernel = _kernels()[0]
    assert cubins._digest(kernel, (9, 0)) != cubins._digest(kernel, (8, 0))
