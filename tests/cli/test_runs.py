"""``netcli runs``: what stands in a table of runs, finished, resumed, killed or damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from netcli.runs.metrics_file import read_run

HEAD = "run\tstarted\titerations\tstate\ttime\tloss\tbest accuracy\tat\tbest test loss\tat"
STARTED = {"event": "started", "iteration": 0, "max_iter": 1000, "seed": 7, "time": 1700000000.0}


def write_run(folder: Path, *records: dict[str, Any]) -> Path:
    """A run folder with these lines in metrics.jsonl."""
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text("".join(json.dumps({"schema": 1, **record}) + "\n" for record in records))
    return folder


def displayed(iteration: int, loss: float | None, **more: Any) -> dict[str, Any]:
    """A display."""
    return {"event": "train", "iteration": iteration, "loss": loss, "smoothed_loss": loss, "lr": 0.1, **more}


def measured(iteration: int, **outputs: Any) -> dict[str, Any]:
    """A test of net 0."""
    return {"event": "test", "iteration": iteration, "net": 0, "outputs": outputs, "time": 1700000000.0 + iteration}


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times in the table are local ones."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.usefixtures("zone")
def test_a_table_of_runs_of_every_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(
        Path("runs/lenet-2"), STARTED, measured(0, accuracy=0.1, loss=2.3), displayed(0, 2.5),
        measured(500, accuracy=0.98, loss=0.05), displayed(500, 0.25), measured(1000, accuracy=0.97, loss=0.04),
        {"event": "finished", "iteration": 1000, "reason": "max_iter", "seconds": 3.0, "time": 1700000090.0},
    )  # fmt: skip
    write_run(Path("runs/lenet-10"), STARTED, displayed(0, None), {"event": "diverged", "iteration": 3})
    killed = write_run(Path("runs/killed"), STARTED | {"time": None}, displayed(20, 0.5))
    with (killed / "metrics.jsonl").open("a") as file:
        file.write('{"schema": 1, "event": "tra')
    Path("runs/notes").mkdir()
    result = run("runs")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        HEAD,
        "killed\t\t20 of 1,000\tunfinished\t\t0.5000\t\t\t\t",
        "lenet-2\t2023-11-14 22:13\t1,000\tfinished\t1 min 30 s\t0.2500\t0.9800\t500\t0.0400\t1,000",
        "lenet-10\t2023-11-14 22:13\t0 of 1,000\tdiverged\t0.0 s\tnan\t\t\t\t",
    ]
    assert result.stderr == "runs/killed/metrics.jsonl: 1 line cannot be read and were passed over\n"
    assert run("runs", "runs/lenet-2").stdout.splitlines()[1:] == result.stdout.splitlines()[2:3]


def test_json(tmp_path: Path, run: Any) -> None:
    folder = write_run(
        tmp_path / "a", STARTED, displayed(0, 2.5), measured(0, acc=0.5, odd=3.0, many=[1, 2]), measured(5, odd=2.0)
    )
    assert json.loads(run("runs", tmp_path, "--json").stdout) == {
        "schema": 1,
        "runs": [
            {
                "run": str(folder), "started": 1700000000.0, "seconds": 5.0, "iteration": 5, "max_iter": 1000,
                "state": "unfinished", "seed": 7, "loss": 2.5, "damaged_lines": 0,
                "best": [
                    {"output": "acc", "net": 0, "value": 0.5, "iteration": 0, "better": "larger"},
                    {"output": "odd", "net": 0, "value": 2.0, "iteration": 5, "better": None},
                ],
            }
        ],
    }  # fmt: skip


def test_what_a_resumed_run_tells_again_counts_once(tmp_path: Path) -> None:
    folder = write_run(
        tmp_path / "a", STARTED, displayed(0, 4.0), displayed(10, 3.0), measured(10, accuracy=0.9), displayed(20, 2.0),
        STARTED | {"iteration": 10}, measured(10, accuracy=0.8), displayed(10, 5.0),
        {"event": "later", "iteration": 11},
    )  # fmt: skip
    history = read_run(folder)
    assert [(point.iteration, point.loss) for point in history.train] == [(0, 4.0), (10, 5.0)]
    assert [tested.outputs for tested in history.tests] == [{"accuracy": 0.8}]
    assert (history.iteration, history.damaged) == (10, 0)


def test_no_runs(tmp_path: Path, run: Any) -> None:
    result = run("runs", tmp_path / "missing")
    assert result.exit_code == 1
    assert "[NC530]" in result.stderr
    assert run("runs", tmp_path).stdout == HEAD + "\n"


@pytest.mark.usefixtures("tiny")
def test_a_run_that_train_has_made(run: Any) -> None:
    run("train", "solver.prototxt", "-q")
    (found,) = json.loads(run("runs", "--json").stdout)["runs"]
    assert (found["run"], found["state"], found["iteration"]) == ("runs/solver-001", "finished", 10)
    assert [best["output"] for best in found["best"]] == ["accuracy", "loss"]
