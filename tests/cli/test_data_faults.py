"""Data that go wrong under train and test: what is said, and what --skip-bad makes of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from netcli.data.lmdb_source import LmdbSource
from netcli.data.lmdb_writer import LmdbWriter

DATA = """
layer { name: "data" type: "ImageData" top: "data" top: "label"
  image_data_param { source: "faces.txt" batch_size: 4 shuffle: true } transform_param { scale: 0.01 } }
"""
REST = """
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a solver over ten images of two classes, in a list with Windows line ends."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a face").mkdir()
    random = np.random.default_rng(0)
    for index in range(10):
        cv2.imwrite(f"a face/{index}.jpg", random.integers(0, 256, (6, 5, 3)).astype(np.uint8))
    write_list(range(10))
    Path("net.prototxt").write_text(DATA + REST)
    Path("solver.prototxt").write_text(
        'net: "net.prototxt" base_lr: 0.01 lr_policy: "fixed" max_iter: 6 random_seed: 3 snapshot_prefix: "model"'
    )
    return tmp_path


def write_list(indices, first_label: int = 0) -> None:
    lines = [f"a face/{index}.jpg {first_label + index % 2}\r\n" for index in indices]
    Path("faces.txt").write_bytes("".join(lines).encode())


def write_lmdb_net() -> None:
    Path("net.prototxt").write_text(
        'layer { name: "data" type: "Data" top: "data" top: "label" '
        'data_param { source: "db" batch_size: 4 backend: LMDB } }' + REST
    )


def test_a_zero_byte_jpeg_stops_the_training_and_is_named(run, faces):
    Path("a face/7.jpg").write_bytes(b"")
    result = run("train", "solver.prototxt", "--out", "run")
    assert result.exit_code == 1
    assert "layer 'data'" not in result.stdout
    assert "a face/7.jpg' (line 8 of 'faces.txt') cannot be read: the file is empty" in result.stderr


def test_a_missing_image_stops_the_training_and_is_named(run, faces):
    Path("a face/2.jpg").unlink()
    result = run("train", "solver.prototxt", "--out", "run")
    assert result.exit_code == 1
    assert "a face/2.jpg' (line 3 of 'faces.txt') cannot be read: No such file" in result.stderr


@pytest.mark.parametrize("command", ["train", "test"])
def test_bad_images_are_passed_over_and_named(run, faces, command):
    assert run("train", "solver.prototxt", "--out", "first").exit_code == 0
    Path("a face/7.jpg").write_bytes(b"")
    Path("a face/2.jpg").unlink()
    arguments = {
        "train": ("train", "solver.prototxt", "--out", "run", "--skip-bad"),
        "test": ("test", "net.prototxt", "--weights", "model_iter_6.caffemodel", "--skip-bad"),
    }[command]
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    assert "skipped 2 items that cannot be read:" in result.stderr
    assert "a face/2.jpg' (line 3 of" in result.stderr
    assert "a face/7.jpg' (line 8 of" in result.stderr


def test_nothing_is_said_where_nothing_is_bad(run, faces):
    with_option, without = (run("train", "solver.prototxt", "--out", name, *more) for name, more in
                            (("a", ["--skip-bad"]), ("b", [])))  # fmt: skip
    assert with_option.exit_code == without.exit_code == 0
    assert "skipped" not in with_option.stderr
    losses = [
        [json.loads(line).get("loss") for line in Path(name, "metrics.jsonl").read_text().splitlines()] for name in "ab"
    ]
    assert losses[0] == losses[1]


def test_labels_that_start_at_one(run, faces):
    write_list(range(10), first_label=1)
    result = run("train", "solver.prototxt", "--out", "run")
    assert result.exit_code == 1
    assert "NC150" in result.stderr


def test_a_net_for_other_channels(run, faces):
    Path("net.prototxt").write_text(
        DATA.replace("transform_param { scale: 0.01 }", "transform_param { mean_value: 1 mean_value: 2 }") + REST
    )
    result = run("train", "solver.prototxt", "--out", "run")
    assert result.exit_code == 3
    assert "wrong number of mean_value, expected 1 or 3, one per channel, actual 2" in result.stderr


def test_a_source_that_is_deleted_before_it_is_opened(run, faces):
    with LmdbWriter("db") as writer:
        for index in range(8):
            writer.add(np.full((1, 4, 4), index, np.uint8), index % 2)
    write_lmdb_net()
    assert run("train", "solver.prototxt", "--out", "first").exit_code == 0
    shutil.rmtree("db")
    result = run("train", "solver.prototxt", "--out", "run")
    assert result.exit_code in (1, 3)
    assert "'db'" in result.stderr


def test_a_truncated_lmdb_is_refused_before_training(run, faces):
    with LmdbWriter("db") as writer:
        for index in range(300):
            writer.add(np.full((1, 28, 28), index % 251, np.uint8), index % 2)
    data = Path("db/data.mdb")
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    write_lmdb_net()
    result = run("train", "solver.prototxt", "--out", "run")
    assert result.exit_code == 1
    assert "truncated" in result.stderr
    assert "[NC220]" in result.stderr


def test_images_that_are_deleted_during_training(faces):
    """A real process, which must end with its snapshots whole and the first missing image named."""
    command = [sys.executable, "-m", "netcli", "train", "solver.prototxt", "--out", "run", "--threads", "1", "--plain"]
    more = ["--max-iter", "100000000", "--set", "snapshot=2", "--set", "display=1"]
    with subprocess.Popen([*command, *more], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("iteration 5"):
                Path("a face").rename("elsewhere")
                break
        rest = process.stderr.read()
    assert process.returncode == 1, rest
    assert "Traceback" not in rest
    assert re.search(r"image '.*a face/\d\.jpg' \(line \d+ of 'faces.txt'\) cannot be read: No such file", rest)
    Path("elsewhere").rename("a face")
    last = max(int(re.sub(r"\D", "", state.name)) for state in Path().glob("model_iter_*.solverstate"))
    again = [*command, "--resume", f"model_iter_{last}.solverstate", "--max-iter", str(last + 1)]
    assert subprocess.run(again, check=False).returncode == 0


def test_an_open_lmdb_outlives_its_folder(tmp_path):
    """Its file is mapped: what is deleted during the training is there until the training ends."""
    with LmdbWriter(tmp_path / "db") as writer:
        for index in range(300):
            writer.add(np.full((1, 28, 28), index % 251, np.uint8), index)
    with LmdbSource(tmp_path / "db") as source:
        shutil.rmtree(tmp_path / "db")
        assert [source.datum(index)[1].label for index in range(300)] == list(range(300))
