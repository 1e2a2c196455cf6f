"""What listeners make of events: metrics, lines, the bar, the notice that kernels are compiled."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from netcli.errors import RunError
from netcli.report.compile_notice import CompileNotice
from netcli.report.lines import event_line, value_text
from netcli.report.live_block import LiveBlock
from netcli.report.metrics import MetricsFile, metrics_record
from netcli.report.plain import PlainReport
from netcli.report.progress import ProgressReport
from netcli.solver import events

STARTED = events.Started(iteration=0, max_iter=200, seed=7, batch_size=64, iter_size=2, test_nets=1)
TRAIN = events.Train(
    iteration=100, lr=0.01, loss=0.5, smoothed_loss=0.25, outputs={"loss": 0.5}, loss_weights={"loss": 1.0},
    iterations=100, images=12800, seconds=2.0, data_wait=0.01, epoch=1.5,
)  # fmt: skip
TEST = events.Test(
    iteration=100, net=0, outputs={"accuracy": 0.9912, "loss": 0.03}, loss_weights={"loss": 1.0}, images=10000,
    iterations=100, seconds=1.0,
)  # fmt: skip
SNAPSHOT = events.Snapshot(100, Path("/x/m_iter_100.caffemodel"), Path("/x/m_iter_100.solverstate"))
DIVERGED = events.Diverged(iteration=3, lr=10.0, loss=math.nan, layer="ip", blob="ip")
FINISHED = events.Finished(iteration=200, reason="max_iter", seconds=3.21)
ALL = [STARTED, events.Progress(1, 2.3), TRAIN, TEST, SNAPSHOT, events.Debug("    [Forward] ..."), FINISHED]


def test_train_record_has_exactly_the_promised_keys() -> None:
    assert metrics_record(TRAIN) == {
        "schema": 1, "event": "train", "iteration": 100, "epoch": 1.5, "lr": 0.01, "loss": 0.5, "smoothed_loss": 0.25,
        "outputs": {"loss": 0.5}, "lambda": {}, "images_per_s": 6400.0, "data_wait": 0.01,
    }  # fmt: skip


def test_other_records() -> None:
    assert metrics_record(TEST) == {
        "schema": 1, "event": "test", "iteration": 100, "net": 0, "outputs": {"accuracy": 0.9912, "loss": 0.03},
        "images": 10000, "iterations": 100, "loss": None, "seconds": 1.0,
    }  # fmt: skip
    assert metrics_record(SNAPSHOT) == {
        "schema": 1, "event": "snapshot", "iteration": 100, "weights": "/x/m_iter_100.caffemodel",
        "state": "/x/m_iter_100.solverstate",
    }  # fmt: skip
    assert metrics_record(events.Progress(1, 2.3)) is None
    assert metrics_record(events.Debug("x")) is None


def test_metrics_file_is_whole_after_every_event_and_holds_only_json(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = MetricsFile(path, clock=lambda: 1234.56789)
    metrics(STARTED)
    assert json.loads(path.read_text())["event"] == "started"
    metrics(DIVERGED)
    last = path.read_text().splitlines()[-1]
    assert json.loads(last, parse_constant=pytest.fail) == {
        "schema": 1, "event": "diverged", "iteration": 3, "lr": 10.0, "loss": None, "layer": "ip", "blob": "ip",
        "reason": "the loss is not finite", "lambda": {}, "labels": {}, "blobs": [], "time": 1234.568,
    }  # fmt: skip
    metrics.close()


def test_metrics_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        MetricsFile(tmp_path / "no" / "metrics.jsonl")
    assert caught.value.code == "NC511"


def test_metrics_when_the_disk_is_full() -> None:
    metrics = MetricsFile(Path("/dev/full"))
    with pytest.raises(RunError) as caught:
        metrics(STARTED)
    metrics.close()
    assert caught.value.code == "NC511"


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (TRAIN, "iteration 100 (epoch 1.50): loss 0.2500, lr 0.01, 6,400 images/s"),
        (TEST, "test at 100: accuracy 0.9912, loss 0.0300 (10,000 images)"),
        (SNAPSHOT, "snapshot at 100: /x/m_iter_100.caffemodel"),
        (FINISHED, "finished after 200 iterations, 3.2 s"),
        (events.Finished(5, "interrupted", 100.0), "interrupted after 5 iterations, 1 min 40 s"),
        (events.Debug("  [Forward] x"), "  [Forward] x"),
        (STARTED, None),
        (events.Progress(1, 1.0), None),
    ],
)
def test_lines(event: events.Event, line: str | None) -> None:
    assert event_line(event) == line


def test_a_line_tells_of_lambda_of_waiting_and_of_several_losses() -> None:
    event = events.Train(
        iteration=10, lr=0.1, loss=3.0, smoothed_loss=3.0, outputs={"a": 1.0, "b": 2.0, "norm": 7.0},
        loss_weights={"a": 1.0, "b": 1.0}, iterations=10, images=640, seconds=1.0, data_wait=0.4, epoch=None,
        lambdas={"fc6": 5.5},
    )  # fmt: skip
    assert event_line(event) == (
        "iteration 10: loss 3.0000, norm 7.0000, a 1.0000, b 2.0000, lr 0.1, lambda of fc6 5.5, 640 images/s, "
        "40% of the time waiting for data"
    )


def test_large_outputs_are_summarised() -> None:
    assert value_text([0.5, 0.25]) == "(0.5000 0.2500)"
    assert value_text([0.5] * 1000) == "(1000 values, mean 0.5000)"
    assert value_text(1e-7) == "1e-07"


def test_plain_report(capsys: pytest.CaptureFixture[str]) -> None:
    report = PlainReport()
    for event in ALL:
        report(event)
    report.close()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [line for line in map(event_line, ALL) if line is not None]


def test_the_live_block() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, highlight=False, color_system=None)
    report = ProgressReport(console)
    for event in ALL[:-1]:
        report(event)
    for accuracy in (0.5, 0.75, 0.9912):
        report(dataclasses.replace(TEST, outputs={"accuracy": accuracy, "loss": 0.03}))
    report(events.Progress(120, 0.125))
    block = Console(file=io.StringIO(), width=120, color_system=None)
    block.print(report.block())
    bar, training, tests = block.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert "120/200" in bar
    assert re.fullmatch(
        r"epoch 1\.78   loss 0\.1250 \(mean of 2: 1\.2125\)   lr 0\.01(   [\d,]+ images/s)?   data wait 1%", training
    )
    assert tests == "accuracy 0.9912 at 100   █▁▅█"
    report(FINISHED)
    report.close()
    assert "test at 100: accuracy 0.9912" in screen.getvalue()
    assert "finished after 200 iterations" in screen.getvalue()


def test_the_live_block_says_only_what_it_knows() -> None:
    block = LiveBlock()
    assert (block.training_lines(None, 99), block.test_line()) == ([], "")
    block.take(STARTED)
    block.take(events.Progress(1, 2.5))
    assert block.training_lines(10.0, 99) == ["loss 2.5000 (mean of 1: 2.5000)   1,280 images/s"]
    block.take(dataclasses.replace(TRAIN, epoch=None, lambdas={"fc6": 7.34}, data_wait=0.0))
    assert block.training_lines(None, 99) == ["loss 2.5000 (mean of 1: 2.5000)   lr 0.01   lambda 7.34   data wait 0%"]
    block.take(dataclasses.replace(TRAIN, epoch=None, lambdas={"a": 7.34, "b": 5.0}))
    assert "lambda of a 7.34   lambda of b 5" in block.training_lines(None, 99)[0]
    block.take(dataclasses.replace(TEST, outputs={"loss": 0.03, "all": [1.0, 2.0]}))
    assert block.test_line() == "loss 0.0300 at 100   ▄"


@pytest.mark.parametrize(
    ("outputs", "shown"),
    [
        ({"lambda": 5.0, "loss": 0.5, "top1": 0.75}, "top1 0.7500"),
        ({"lambda": 5.0, "loss": 0.5, "scores": [1.0, 2.0]}, "loss 0.5000"),
        ({"lambda": 5.0}, "lambda 5.0000"),
    ],
)
def test_the_live_block_shows_an_accuracy_if_it_can(outputs: events.Outputs, shown: str) -> None:
    block = LiveBlock()
    block.take(dataclasses.replace(TEST, outputs=outputs))
    assert block.test_line().startswith(f"{shown} at 100")


def test_the_live_block_fits_its_screen() -> None:
    block = LiveBlock()
    for event in (STARTED, events.Progress(1, 2.5), dataclasses.replace(TRAIN, lambdas={"fc6": 7.34})):
        block.take(event)
    (wide,) = block.training_lines(10.0, 120)
    for width in (80, 60, 40):
        lines = block.training_lines(10.0, width)
        assert "   ".join(lines) == wide
        assert len(lines) > 1
        assert all(len(line) <= width for line in lines)
    assert block.training_lines(10.0, 5) == wide.split("   ")


def _notice(patience: float) -> tuple[CompileNotice, list[str]]:
    said: list[str] = []
    return CompileNotice(said.append, patience), said


def test_notice_is_silent_when_the_first_iteration_is_quick() -> None:
    notice, said = _notice(3600)
    notice(STARTED)
    notice(events.Progress(1, 1.0))
    notice.close()
    assert said == []


def test_notice_speaks_when_it_is_not() -> None:
    import threading

    spoken = threading.Event()
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        spoken.set()

    notice = CompileNotice(say, 0.0)
    notice(STARTED)
    assert spoken.wait(10)
    notice(TEST)
    assert len(said) == 1
    notice(events.Progress(1, 1.0))
    assert said[0] == "compiling kernels (first run only) ..."
    assert said[1].startswith("kernels ready after ")
    notice(events.Progress(2, 1.0))
    assert len(said) == 2


def test_every_event_is_handled_by_every_listener(tmp_path: Path) -> None:
    listeners: list[Any] = [PlainReport(), MetricsFile(tmp_path / "m.jsonl")]
    for listener in listeners:
        for event in [*ALL, DIVERGED]:
            listener(event)
        listener.close()
    names = [json.loads(line)["event"] for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    assert names == ["started", "train", "test", "snapshot", "finished", "diverged"]
