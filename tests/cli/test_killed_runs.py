"""Runs that are killed: whatever the moment, the last good snapshot is whole, and what goes on from it ends alike."""

from __future__ import annotations

import itertools
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from netcli.convert.caffemodel import read_weights

LAST = 60
NET = """
layer {
  name: "data" type: "Data" top: "data" top: "label"
  transform_param { scale: 0.00390625 crop_size: 3 mirror: true }
  data_param { source: "train_lmdb" batch_size: 5 backend: LMDB }
}
layer { name: "drop" type: "Dropout" bottom: "data" top: "data" }
layer {
  name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } }
}
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
SOLVER = """
net: "net.prototxt"
base_lr: 0.1
lr_policy: "inv"
gamma: 0.01
power: 0.75
momentum: 0.9
display: 1
snapshot: 2
max_iter: 60
random_seed: 7
"""


def train(out: str, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "netcli", "train", "solver.prototxt", "--out", out, "--threads", "1", "--plain", *more
    ]  # fmt: skip


def weights(out: str) -> bytes:
    return read_weights(f"{out}/model_iter_{LAST}.caffemodel").SerializeToString()


def killed_after(lines: int, delay: int) -> bool:
    """Runs until so many lines were printed and ``delay`` more bytes of the log file are there, then kills it.

    Returns whether it was killed; a run that ends before is whole.
    """
    with subprocess.Popen(
        train("parts", "--resume", "auto"), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr is not None
        seen = list(itertools.islice(process.stderr, lines))
        # Work of a random length, so that the kill falls anywhere between two lines: in a pass, in a snapshot.
        sum(range(delay))
        process.kill()
        seen += process.stderr.readlines()
    assert "Traceback" not in "".join(seen)
    return process.returncode != 0


def kill_and_resume(kills: int, seed: int) -> int:
    """Kills a run again and again, then lets it end; returns how often it was killed."""
    rng = random.Random(seed)
    done = 0
    while done < kills and killed_after(rng.randint(4, 8), rng.randint(0, 60_000)):
        done += 1
    rest = subprocess.run(train("parts", "--resume", "auto"), capture_output=True, text=True, check=False)
    assert rest.returncode == 0, rest.stderr
    return done


@pytest.fixture
def folder(tiny: Path) -> Path:
    (tiny / "net.prototxt").write_text(NET)
    (tiny / "solver.prototxt").write_text(SOLVER)
    return tiny


def test_a_run_that_is_killed_again_and_again_ends_as_one_that_is_left_alone(folder: Path) -> None:
    assert subprocess.run(train("whole"), capture_output=True, check=False).returncode == 0
    assert kill_and_resume(4, seed=1) == 4
    assert weights("parts") == weights("whole")
    assert not list(Path("parts").glob(".*"))


def test_a_run_that_is_interrupted_ends_as_one_that_is_left_alone(folder: Path) -> None:
    assert subprocess.run(train("whole"), capture_output=True, check=False).returncode == 0
    with subprocess.Popen(train("parts", "--max-iter", "1000000"), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        list(itertools.islice(process.stderr, 5))
        process.send_signal(signal.SIGINT)
        process.stderr.read()
    assert process.returncode == 130
    stopped_at = max(int(path.stem.rpartition("_")[2]) for path in Path("parts").glob("*.solverstate"))
    assert stopped_at < LAST
    rest = subprocess.run(train("parts", "--resume", "auto"), capture_output=True, text=True, check=False)
    assert rest.returncode == 0, rest.stderr
    assert weights("parts") == weights("whole")


@pytest.mark.slow
def test_thirty_kills(folder: Path) -> None:
    settings = SOLVER.replace("max_iter: 60", f"max_iter: {10 * LAST}")
    (folder / "solver.prototxt").write_text(settings)
    assert subprocess.run(train("whole"), capture_output=True, check=False).returncode == 0
    assert kill_and_resume(30, seed=2) == 30
    ends = [read_weights(f"{out}/model_iter_{10 * LAST}.caffemodel").SerializeToString() for out in ("whole", "parts")]
    assert ends[0] == ends[1]
