"""``mpiexec netcli train``: what users see, resume with, and what happens where a rank fails, dies or is stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from patience import PATIENCE

from netcli.cli import main

Finished = Callable[[int, Sequence[str]], tuple[int, str]]
Launch = Callable[..., "subprocess.Popen[str]"]

NET = """net_param { name: "tiny"
layer { name: "images" type: "ImageData" top: "data" top: "label"
  image_data_param { source: "list.txt" batch_size: 6 shuffle: true new_height: 8 new_width: 8 }
  transform_param { scale: 0.01 mirror: true } }
layer { name: "drop" type: "Dropout" bottom: "data" top: "dropped" }
layer { name: "ip" type: "InnerProduct" bottom: "dropped" top: "ip"
  inner_product_param { num_output: 4 weight_filler { type: "gaussian" std: 0.01 } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" } }
base_lr: 0.01 momentum: 0.9 lr_policy: "fixed" random_seed: 3 display: 1
"""


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list of 20 images, and a solver that reads it."""
    cv2 = pytest.importorskip("cv2")
    random = np.random.default_rng(0)
    lines = []
    for index in range(20):
        cv2.imwrite(str(tmp_path / f"{index}.png"), random.integers(0, 255, (8, 8, 3), np.uint8))
        lines.append(f"{index}.png {index % 4}\n")
    (tmp_path / "list.txt").write_text("".join(lines))
    (tmp_path / "solver.prototxt").write_text(NET)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def losses(folder: Path) -> dict[int, float]:
    """By iteration, those of a resumed run in the place of what it has made again."""
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {record["iteration"]: record["loss"] for record in records if record["event"] == "train"}


def train(*more: str) -> list[str]:
    return ["train", "solver.prototxt", *more]


def test_a_run_goes_on_with_another_number_of_ranks(images: Path, finished: Finished) -> None:
    alone = CliRunner().invoke(main, train("--max-iter", "12", "--out", "one"))
    assert alone.exit_code == 0, alone.output
    code, output = finished(2, train("--max-iter", "7", "--out", "several"))
    assert code == 0, output
    assert output.count("ranks on 1 machine: effective batch 6 = batch 6 x iter_size 1, 3 a rank") == 1
    assert output.count("snapshot at 7") == 1
    code, output = finished(3, train("--max-iter", "12", "--out", "several", "--resume", "auto"))
    assert code == 0, output
    assert "resuming" in output
    expected = losses(images / "one")
    assert losses(images / "several") == pytest.approx(expected, rel=1e-5)
    assert sorted(expected) == list(range(13))
    manifest = json.loads((images / "several" / "manifest.json").read_text())
    assert manifest["ranks"]["count"] == 3
    assert not list(Path("runs").glob("*")), "only rank 0 makes a run folder"


def test_an_unreadable_image_is_told_with_its_rank_and_ends_the_job(images: Path, finished: Finished) -> None:
    order = [line.split()[0] for line in (images / "list.txt").read_text().splitlines()]
    (images / "solver.prototxt").write_text(NET.replace("shuffle: true", ""))
    good = (images / order[10]).read_bytes()
    (images / order[10]).write_bytes(b"no image")
    begin = time.monotonic()
    code, output = finished(2, train("--max-iter", "50", "--out", "run", "--set", "snapshot=1"))
    assert code == 1, output
    assert "on rank 1: image" in output
    assert "10.png" in output
    assert "NC221" in output
    assert "Traceback" not in output
    assert time.monotonic() - begin < PATIENCE / 2
    (images / order[10]).write_bytes(good)
    resumed = CliRunner().invoke(main, train("--max-iter", "3", "--out", "run", "--resume", "auto"))
    assert resumed.exit_code == 0, resumed.output
    assert "resuming run/model_iter_1." in resumed.output
    assert "passed over" not in resumed.output


def test_what_is_skipped_by_any_rank_is_told_once(images: Path, finished: Finished) -> None:
    for index in (2, 10):
        (images / f"{index}.png").write_bytes(b"no image")
    code, output = finished(2, train("--max-iter", "8", "--skip-bad", "--out", "run"))
    assert code == 0, output
    assert output.count("skipped 2 items") == 1


def test_a_mistake_in_the_config_is_told_once(images: Path, finished: Finished) -> None:
    (images / "solver.prototxt").write_text(NET.replace("num_output: 4", ""))
    code, output = finished(3, train("--max-iter", "5", "--out", "run"))
    assert code == 3, output
    assert output.count("error:") == 1
    assert "num_output" in output
    assert not (images / "run").exists()


def processes_of(job: subprocess.Popen[str], ranks: int) -> dict[int, int]:
    """Process id by rank, from what the launcher has put into the environment of its descendants."""
    found: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            command = (entry / "cmdline").read_bytes()
            folder = os.readlink(entry / "cwd")
        except OSError:
            continue
        if b"netcli" in command and folder == os.getcwd():
            found.update({int(value[9:]): int(entry.name) for value in environment if value.startswith(b"PMI_RANK=")})
    assert len(found) == ranks
    return found


def wait_for(path: Path, job: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert job.poll() is None, job.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc to find the ranks")
def test_a_rank_that_is_killed_ends_the_job_and_leaves_good_snapshots(images: Path, launch: Launch) -> None:
    job = launch(2, "-m", "netcli", *train("--max-iter", "1000000", "--out", "run", "--set", "snapshot=20"))
    wait_for(images / "run" / "model_iter_20.solverstate", job)
    os.kill(processes_of(job, 2)[1], signal.SIGKILL)
    begin = time.monotonic()
    job.communicate(timeout=PATIENCE)
    assert time.monotonic() - begin < 10
    assert job.returncode != 0
    resumed = CliRunner().invoke(main, train("--max-iter", "1", "--out", "run", "--resume", "auto"))
    assert resumed.exit_code == 0, resumed.output
    assert "resuming" in resumed.output


def test_control_c_ends_all_ranks_with_a_snapshot(images: Path, launch: Launch) -> None:
    job = launch(2, "-m", "netcli", *train("--max-iter", "1000000", "--out", "run", "--set", "snapshot=20"))
    wait_for(images / "run" / "model_iter_20.solverstate", job)
    job.send_signal(signal.SIGINT)
    output, _ = job.communicate(timeout=PATIENCE)
    assert job.returncode == 130, output
    last = max(losses(images / "run")) + 1
    assert (images / "run" / f"model_iter_{last}.solverstate").exists()
    assert output.count("interrupted after") == 1


def test_without_a_launcher_nothing_of_mpi_is_imported(images: Path) -> None:
    code = (
        "import sys\nfrom netcli.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "loaded = [name for name in sys.modules if name.startswith(('mpi4py', 'netcli.distributed'))]\n"
        "print('loaded', loaded)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, *train("--max-iter", "2", "--out", "run", "-q")], capture_output=True, text=True,
        timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert run.stdout.splitlines()[-1] == "loaded ['netcli.distributed', 'netcli.distributed.launcher']"
