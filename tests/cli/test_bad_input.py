"""Bad input of every kind: one clear error, the right exit code, no traceback."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import lmdb
import pytest

from netcli.data.lmdb_writer import LmdbWriter

CONFIG_COMMANDS = ["train", "test", "time", "show", "upgrade"]
INPUT = 'layer { name: "in" type: "Input" top: "a" input_param { shape { dim: 2 dim: 3 dim: 8 dim: 8 } } }\n'
NETS = {
    "truncated": (INPUT + 'layer { name: "r" type: "ReLU" bottom: "a" top: "b"\n', "NC006"),
    "wrong type": (INPUT.replace("dim: 3", 'dim: "three"'), "NC013"),
    "unknown layer": (INPUT + 'layer { name: "r" type: "RelU" bottom: "a" top: "b" }\n', "NC101"),
    "unknown bottom": (INPUT + 'layer { name: "r" type: "ReLU" bottom: "x" top: "b" }\n', "NC104"),
    "cycle": (
        INPUT
        + 'layer { name: "p" type: "ReLU" bottom: "q" top: "p" }\n'
        + 'layer { name: "q" type: "ReLU" bottom: "p" top: "q" }\n',
        "NC106",
    ),
    "shape mismatch": (
        INPUT
        + 'layer { name: "l" type: "Input" top: "l" input_param { shape { dim: 5 } } }\n'
        + 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "a" bottom: "l" top: "loss" }\n',
        "NC125",
    ),
}


def _one_error(result: Any, exit_code: int, code: str) -> str:
    """Checks that ``result`` is a failure with exactly one message; returns that."""
    assert result.exit_code == exit_code, result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert "internal error" not in result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, result.stderr
    assert errors[0].endswith(f"[{code}]"), errors[0]
    return errors[0]


@pytest.mark.parametrize("command", CONFIG_COMMANDS)
def test_missing_file(tiny: Path, run: Any, command: str) -> None:
    message = _one_error(run(command, "solver.prototxtt"), 3, "NC001")
    assert message == ("error: solver.prototxtt: no such file. hint: did you mean 'solver.prototxt'? [NC001]")


@pytest.mark.parametrize("command", CONFIG_COMMANDS)
def test_directory_for_a_file(tiny: Path, run: Any, command: str) -> None:
    _one_error(run(command, tiny), 3, "NC002")


@pytest.mark.parametrize("command", CONFIG_COMMANDS)
def test_binary_and_empty_files(tiny: Path, run: Any, command: str) -> None:
    Path("junk.prototxt").write_bytes(bytes(range(256)))
    Path("empty.prototxt").write_bytes(b"")
    _one_error(run(command, "junk.prototxt"), 3, "NC004")
    _one_error(run(command, "empty.prototxt"), 3, "NC003")


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("command", ["show", "time"])
def test_nets_that_cannot_be(tmp_path: Path, run: Any, command: str, kind: str) -> None:
    text, code = NETS[kind]
    file = tmp_path / "bad.prototxt"
    file.write_text(text)
    result = run(command, file)
    assert result.exit_code == 3
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    lines = result.stderr.splitlines()
    assert all(line.startswith(f"error: {file}:") for line in lines), lines
    assert f"[{code}]" in lines[0]


@pytest.mark.parametrize("kind", NETS)
def test_check_finds_the_same(tmp_path: Path, run: Any, kind: str) -> None:
    text, code = NETS[kind]
    file = tmp_path / "bad.prototxt"
    file.write_text(text)
    result = run("check", file)
    assert result.exit_code == 3
    assert f"[{code}]" in result.stdout.splitlines()[0]


def test_a_net_where_a_solver_is_needed(tiny: Path, run: Any) -> None:
    message = _one_error(run("train", "net.prototxt"), 3, "NC019")
    assert "hint: " in message


def test_a_solver_without_its_net(tiny: Path, run: Any) -> None:
    Path("net.prototxt").unlink()
    message = _one_error(run("train", "solver.prototxt"), 3, "NC001")
    assert "tried " in message
    assert not Path("runs/solver-001").exists()


def test_labels_out_of_range(tiny: Path, run: Any) -> None:
    net = Path("net.prototxt")
    net.write_text(net.read_text().replace("num_output: 3", "num_output: 2"))
    message = _one_error(run("train", "solver.prototxt"), 1, "NC150")
    assert "layer 'loss' (SoftmaxWithLoss)" in message or "layer 'accuracy' (Accuracy)" in message


def test_empty_lmdb(tiny: Path, run: Any) -> None:
    Path("empty_lmdb").mkdir()
    lmdb.open("empty_lmdb", map_size=1 << 20).close()
    net = Path("net.prototxt")
    net.write_text(net.read_text().replace("train_lmdb", "empty_lmdb"))
    message = _one_error(run("train", "solver.prototxt"), 1, "NC202")
    assert "layer 'data' (Data)" in message
    assert not Path("runs/solver-001").exists()


def test_missing_lmdb(tiny: Path, run: Any) -> None:
    net = Path("net.prototxt")
    net.write_text(net.read_text().replace("train_lmdb", "nowhere_lmdb"))
    message = _one_error(run("train", "solver.prototxt"), 3, "NC001")
    assert "layer 'data' (Data)" in message
    assert "nowhere_lmdb" in message
    # Whoever trains cannot say a shape instead.
    assert "--input-shape" not in message


def test_corrupt_datum(tiny: Path, run: Any) -> None:
    with lmdb.open("train_lmdb", map_size=1 << 20) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"00000005", b"\xff not a datum")
    message = _one_error(run("train", "solver.prototxt"), 1, "NC203")
    assert "00000005" in message


def test_one_item_of_another_shape(tiny: Path, run: Any) -> None:
    import numpy as np

    with LmdbWriter(tiny / "mixed_lmdb") as writer:
        writer.add(np.zeros((1, 4, 4), np.uint8), 0)
        writer.add(np.zeros((1, 5, 4), np.uint8), 1)
    net = Path("net.prototxt")
    net.write_text(net.read_text().replace("train_lmdb", "mixed_lmdb"))
    _one_error(run("train", "solver.prototxt"), 1, "NC204")


@pytest.mark.parametrize(("command", "option"), [("train", "--weights"), ("train", "--resume"), ("test", "--weights")])
def test_weights_that_are_none(tiny: Path, run: Any, command: str, option: str) -> None:
    Path("junk").write_bytes(b"\xff" * 100)
    for file in ("gone", "junk"):
        result = run(command, "solver.prototxt", option, file)
        _one_error(result, result.exit_code, result.stderr.rstrip()[-6:-1])
        assert result.exit_code in (1, 3)
        assert file in result.stderr
    assert not Path("runs/solver-001").exists()


@pytest.mark.parametrize("out", ["solver.prototxt", "solver.prototxt/below"])
def test_unwritable_run_folder(tiny: Path, run: Any, out: str) -> None:
    _one_error(run("train", "solver.prototxt", "--out", out), 1, "NC513")


def test_unwritable_runs(tiny: Path, run: Any) -> None:
    Path("runs").write_text("a file")
    _one_error(run("train", "solver.prototxt"), 1, "NC513")


def _with_little_room(folder: Path, room: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """netcli in a process that can write no file larger than ``room`` bytes, as if the disk were full."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    return subprocess.run(
        [sys.executable, "-m", "netcli", *arguments], cwd=folder, preexec_fn=limit, capture_output=True, text=True,
        check=False, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip


def test_full_disk_before_the_start(tiny: Path) -> None:
    done = _with_little_room(tiny, 64, "train", "solver.prototxt")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].endswith("[NC459]")


def test_full_disk_at_the_snapshot(tiny: Path) -> None:
    net = Path("net.prototxt")
    net.write_text(net.read_text().replace("num_output: 3", "num_output: 3000"))
    # What fills the kernel cache is not what is tested here, so a run with room comes first.
    assert _with_little_room(tiny, 1 << 30, "train", "solver.prototxt", "--out", "first").returncode == 0
    done = _with_little_room(tiny, 50_000, "train", "solver.prototxt", "--out", "full")
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "cannot write 'full/model_iter_10.caffemodel'" in done.stderr.splitlines()[-1]
    assert done.stderr.splitlines()[-1].endswith("[NC459]")
    assert sorted(path.name for path in Path("full").iterdir()) == [
        "config.prototxt", "manifest.json", "metrics.jsonl",
    ]  # fmt: skip
