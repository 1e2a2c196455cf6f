"""The process that compiles kernels beside a command."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import numba
import pytest

from netcli.cli import second_compiler
from netcli.cli.recorded_pass import PassOfNet, passes_of_training
from netcli.cli.second_compiler import SETTING, SecondCompiler
from netcli.prototxt import NetSource, load_solver
from netcli.runtime.locked_cache import LockedCache
from netcli.schema import caffe_pb2 as pb

COMPILE = "import sys; from netcli.cli.second_compiler import compile_all; compile_all(sys.stdin.buffer.read(), {})"
INPUT = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 1 } } }'
PYTHON = 'layer { name: "py" type: "Python" bottom: "x" top: "y" python_param { module: "mine" layer: "Mine" } }'


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for processes that are started."""
    monkeypatch.setenv("NETCLI_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _kernels(cache: Path) -> set[str]:
    return {path.name for path in cache.rglob("*.nbc")}


def _compile(passes: list[PassOfNet], first_process: int) -> None:
    subprocess.run(
        [sys.executable, "-c", COMPILE.format(first_process)], input=pickle.dumps(passes), check=True, timeout=300
    )  # fmt: skip


def test_it_compiles_all_that_training_needs(tiny: Path, cache: Path) -> None:
    _compile(passes_of_training(load_solver("solver.prototxt")), os.getpid())
    compiled = _kernels(cache)
    assert any("softmax_loss_backward" in name for name in compiled)
    command = ["train", "solver.prototxt", "--max-iter", "1", "--out", "run"]
    run = subprocess.run(
        [sys.executable, "-m", "netcli", *command], capture_output=True, text=True, check=True, timeout=300
    )  # fmt: skip
    assert "compiling kernels" not in run.stderr + run.stdout
    # Only the command reads data.
    assert {name.split(".")[0] for name in _kernels(cache) - compiled} == {"transform_kernels"}


def test_it_stops_when_the_command_is_gone(tiny: Path, cache: Path) -> None:
    _compile(passes_of_training(load_solver("solver.prototxt")), os.getpid() + 1)
    assert not _kernels(cache)


def test_tests_before_the_first_iteration_come_first(tiny: Path) -> None:
    solver = load_solver("solver.prototxt")
    assert [(each.forward_only, each.solver) for each in passes_of_training(solver)] == [
        (True, None),
        (False, solver.param),
    ]
    solver.param.test_initialization = False
    assert [each.forward_only for each in passes_of_training(solver)] == [False]


class _Process:
    """Stands for the second process: keeps what it is told."""

    made: ClassVar[list[_Process]] = []

    def __init__(self, command: list[str], **_: Any) -> None:
        self.told = Path(f"told{len(self.made)}")
        self.stdin = self.told.open("wb")
        self.killed = self.waited = False
        self.made.append(self)

    def kill(self) -> None:
        self.killed = True

    def wait(self) -> None:
        self.waited = True


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[_Process]:
    """The processes that are started, where there are two cores and nothing forbids them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_Process, "made", [])
    monkeypatch.setattr(second_compiler.subprocess, "Popen", _Process)
    monkeypatch.setattr(second_compiler, "available_cores", lambda: 2)
    monkeypatch.delenv(SETTING, raising=False)
    return _Process.made


def _miss(cache: Path) -> None:
    """Compiles something that is in no cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numba.config, "CACHE_DIR", str(cache))
        compiled = numba.njit(lambda: 1)
        compiled._cache = LockedCache(compiled.py_func)
        assert compiled() == 1


def _pass(*layers: str) -> PassOfNet:
    return PassOfNet(NetSource.from_text("".join(layers)), pb.TEST, forward_only=True)


def test_it_starts_once_when_a_kernel_is_missing(processes: list[_Process], tmp_path: Path) -> None:
    with closing(SecondCompiler(lambda: [_pass(INPUT)], "cpu")):
        assert not processes
        _miss(tmp_path / "one")
        _miss(tmp_path / "other")
        (process,) = processes
        (told,) = pickle.loads(process.told.read_bytes())
        assert (told.source.param, told.phase) == (_pass(INPUT).source.param, pb.TEST)
        assert process.stdin.closed
        assert not process.killed
    assert process.killed
    assert process.waited
    _miss(tmp_path / "third")
    assert len(processes) == 1


def test_nobodys_own_code_is_called_in_passing(processes: list[_Process], tmp_path: Path) -> None:
    with closing(SecondCompiler(lambda: [_pass(INPUT, PYTHON), _pass(INPUT)], "cpu")):
        _miss(tmp_path / "one")
    assert len(pickle.loads(processes[0].told.read_bytes())) == 1
    with closing(SecondCompiler(lambda: [_pass(INPUT, PYTHON)], "cpu")):
        _miss(tmp_path / "other")
    assert len(processes) == 1


@pytest.mark.parametrize(("device", "cores", "setting"), [("cuda", 2, ""), ("cpu", 1, ""), ("cpu", 2, "1")])
def test_where_there_is_none(
    device: str, cores: int, setting: str, processes: list[_Process], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_compiler, "available_cores", lambda: cores)
    monkeypatch.setenv(SETTING, setting)
    with closing(SecondCompiler(lambda: [_pass(INPUT)], device)):
        _miss(tmp_path / "one")
    assert not processes


def test_one_that_cannot_be_started_stops_nobody(
    processes: list[_Process], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(second_compiler.subprocess, "Popen", refuse)
    with closing(SecondCompiler(lambda: [_pass(INPUT)], "cpu")):
        _miss(tmp_path / "one")


def test_a_file_that_is_gone_meanwhile_stops_nobody(processes: list[_Process], tmp_path: Path) -> None:
    with closing(SecondCompiler(lambda: passes_of_training(load_solver("nowhere.prototxt")), "cpu")):
        _miss(tmp_path / "one")
    assert not processes
