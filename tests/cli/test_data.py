"""``netcli data mnist``: from files to the LMDBs that configs/mnist names."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def _write_idx(path: Path, array: np.ndarray) -> None:
    path.write_bytes(gzip.compress(struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape) + array.tobytes()))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The four files, with 5 and 3 images, and the configs beside them."""
    for stem, count in (("train", 5), ("t10k", 3)):
        _write_idx(tmp_path / f"{stem}-images-idx3-ubyte.gz", np.zeros((count, 28, 28), np.uint8))
        _write_idx(tmp_path / f"{stem}-labels-idx1-ubyte.gz", np.arange(count, dtype=np.uint8))
    for config in (CONFIGS / "mnist").glob("*.prototxt"):
        (tmp_path / config.name).write_text(config.read_text())
    return tmp_path


def test_the_configs_find_what_it_makes(files: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    result = run("data", "mnist", files)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == f"{files}/mnist_train_lmdb: 5 images\n{files}/mnist_test_lmdb: 3 images\n"
    for phase, batch in (("TRAIN", 64), ("TEST", 100)):
        shown = run("show", files / "lenet_solver.prototxt", "--phase", phase, "--json")
        assert json.loads(shown.stdout)["blobs"]["data"] == [batch, 1, 28, 28]


def test_made_twice_only_by_force(files: Path, run: Any) -> None:
    run("data", "mnist", files)
    again = run("data", "mnist", files)
    assert again.exit_code == 1
    assert "[NC210]" in again.stderr
    assert run("data", "mnist", files, "--force").exit_code == 0


def test_files_that_are_missing(tmp_path: Path, run: Any) -> None:
    result = run("data", "mnist", tmp_path)
    assert result.exit_code == 1
    assert "train-images-idx3-ubyte" in result.stderr
    assert "[NC212]" in result.stderr


def test_offline(tmp_path: Path, run: Any) -> None:
    result = run("data", "mnist", tmp_path / "new", "--download", "--url", "http://127.0.0.1:9/")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "[NC217]" in result.stderr


def test_a_url_needs_download(tmp_path: Path, run: Any) -> None:
    result = run("data", "mnist", tmp_path, "--url", "http://127.0.0.1:9/")
    assert result.exit_code == 2
