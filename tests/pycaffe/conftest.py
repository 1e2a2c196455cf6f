"""Fixtures of the pycaffe face's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pycaffe_nets import DEPLOY, SOLVER, TRAIN_TEST, write

from netcli.pycaffe import seeds


@pytest.fixture
def deploy(tmp_path: Path) -> str:
    """Path of a net with an input, a convolution, two inner products and a softmax."""
    return write(tmp_path, "deploy.prototxt", DEPLOY)


@pytest.fixture
def solver_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Path of a solver for the same net with labels and a loss; snapshots go to ``tmp_path``."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "train_test.prototxt", TRAIN_TEST)
    return write(tmp_path, "solver.prototxt", SOLVER)


@pytest.fixture(autouse=True)
def no_seed_left_over() -> Iterator[None]:
    """``set_random_seed`` holds for the process; no test may leave it behind."""
    yield
    seeds._sequence.seed = None
    seeds._sequence.drawn = 0
