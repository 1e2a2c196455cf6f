"""What the tests of training by several processes share."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from patience import PATIENCE

Launch = Callable[..., "subprocess.Popen[str]"]

GIVE_WAY = {"MPIR_CVAR_CH4_PROGRESS_THROTTLE": "1", "MPIR_CVAR_CH4_PROGRESS_THROTTLE_NO_PROGRESS_COUNT": "64"}
"""MPICH's ranks sleep while they wait: there are more of them than cores, and other tests beside them."""


@pytest.fixture(scope="session")
def mpiexec() -> str:
    """The launcher of the MPI that mpi4py finds."""
    if importlib.util.find_spec("mpi4py") is None:
        pytest.skip("mpi4py is not installed (pip install 'netcli[mpi]')")
    beside = Path(sys.executable).with_name("mpiexec")
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    if found is None:
        pytest.skip("no mpiexec beside Python or on the PATH (pip install 'netcli[mpi]')")
    return found


@pytest.fixture
def launch(mpiexec: str, tmp_path: Path) -> Launch:
    """Starts ``python ARGUMENTS`` on some ranks, in ``tmp_path``; both outputs come as one text."""

    def start(ranks: int, *arguments: str) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | GIVE_WAY
        return subprocess.Popen(
            [mpiexec, "-n", str(ranks), sys.executable, *arguments], cwd=tmp_path, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    return start


@pytest.fixture
def finished(launch: Launch) -> Callable[..., tuple[int, str]]:
    """Exit code and output of ``netcli ARGUMENTS`` on some ranks."""

    def run(ranks: int, arguments: Sequence[str]) -> tuple[int, str]:
        job = launch(ranks, "-m", "netcli", *arguments)
        try:
            output, _ = job.communicate(timeout=PATIENCE)
        finally:
            job.kill()
        return job.returncode, output

    return run
