"""``train --log-format caffe`` and ``--tensorboard``: lines and files that other programs read."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from netcli.report.caffe_lines import CaffeReport
from netcli.report.tensorboard import scalars
from netcli.solver import events

GLOG = re.compile(r"[IWEF](\d\d)(\d\d) (\d\d):(\d\d):(\d\d)\.(\d{6}) +(\d+) ([\w.]+):(\d+)\] (.*)")
VALUE = r"[\d.eE+-]+"
OUTPUT = rf"net output #(\d+): (\S+) = ({VALUE})(?: \(\* {VALUE} = {VALUE} loss\))?$"


class ParseLog:
    """What parse_log.py of Caffe makes of a log, written from the forms of the lines that it documents.

    Times count from the line with "Solving"; an "Iteration N" holds until the next; a row is one iteration's outputs.
    """

    def __init__(self, text: str) -> None:
        self.train: dict[int, dict[str, float]] = {}
        self.test: dict[int, dict[str, float]] = {}
        self.rates: dict[int, float] = {}
        self.losses: dict[int, float] = {}
        lines = text.splitlines()
        begin = next(index for index, line in enumerate(lines) if "Solving" in line)
        iteration = -1
        for line in lines[begin:]:
            head = GLOG.fullmatch(line)
            assert head, f"extract_seconds.py ends at a line like {line!r}"
            datetime(2024, *map(int, head.groups()[:6]))
            if found := re.search(r"Iteration (\d+)", line):
                iteration = int(found[1])
            for kind, rows in (("Train", self.train), ("Test", self.test)):
                if output := re.search(f"{kind} {OUTPUT}", line):
                    assert iteration >= 0
                    rows.setdefault(iteration, {})[output[2]] = float(output[3])
            if rate := re.search(rf"lr = ({VALUE})", line):
                self.rates[iteration] = float(rate[1])
            if ", loss = " in line:
                # parse_log.sh: the ninth word.
                self.losses[iteration] = float(line.split()[8])


@pytest.mark.usefixtures("tiny")
def test_parsers_of_caffe_logs_read_what_train_prints(run: Any) -> None:
    result = run("train", "solver.prototxt", "--log-format", "caffe", "--out", "r")
    assert result.exit_code == 0, result.stderr
    log = ParseLog(result.stderr)
    records = [json.loads(line) for line in Path("r/metrics.jsonl").read_text().splitlines()]
    tests = {record["iteration"]: record["outputs"] for record in records if record["event"] == "test"}
    trains = {record["iteration"]: record for record in records if record["event"] == "train"}
    assert {i: pytest.approx(row, rel=1e-5) for i, row in tests.items()} == log.test
    assert log.losses == {i: pytest.approx(row["smoothed_loss"], rel=1e-5) for i, row in trains.items()}
    assert log.train == {i: pytest.approx(row["outputs"], rel=1e-5) for i, row in trains.items() if i < 10}
    assert log.rates == {0: 0.1, 5: 0.1}
    assert list(log.test) == [0, 5, 10]


def test_the_lines_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    report = CaffeReport("LeNet", "inv", now=lambda: datetime(2026, 3, 15, 9, 26, 53, 589793))
    weights = {"loss": 0.5}
    for event in (
        events.Started(0, 200, 7, 64, 1, 1),
        events.Test(0, 0, {"accuracy": 0.5, "loss": 2.0}, {"loss": 1.0}, 100, 1, 0.1, loss=2.0),
        events.Train(100, 0.00992565, 0.25, 0.2, {"loss": 0.5}, weights, 100, 6400, 1.0, 0.0, None),
        events.Train(150, 1e-05, 0.25, 0.2, {"score": [0.5] * 12}, {}, 50, 3200, 1.0, 0.0, None),
        events.Snapshot(200, Path("m_iter_200.caffemodel"), Path("m_iter_200.solverstate")),
        events.Train(200, 0.00985258, 0.25, 0.2, {"loss": 0.5}, weights, 50, 3200, 1.0, 0.0, None),
        events.Finished(200, "max_iter", 3.0),
    ):
        report(event)
    report.say("run folder r")
    report.close()
    lines = capsys.readouterr().err.splitlines()
    assert all(re.match(r"I0315 09:26:53\.589793 +\d+ ", line) for line in lines)
    assert [line.split(maxsplit=3)[3] for line in lines] == [
        "solver.cpp:0] Solving LeNet",
        "solver.cpp:0] Learning Rate Policy: inv",
        "solver.cpp:0] Iteration 0, Testing net (#0)",
        "solver.cpp:0] Test loss: 2",
        "solver.cpp:0]     Test net output #0: accuracy = 0.5",
        "solver.cpp:0]     Test net output #1: loss = 2 (* 1 = 2 loss)",
        "solver.cpp:0] Iteration 100, loss = 0.2",
        "solver.cpp:0]     Train net output #0: loss = 0.5 (* 0.5 = 0.25 loss)",
        "sgd_solver.cpp:0] Iteration 100, lr = 0.00992565",
        "solver.cpp:0] Iteration 150, loss = 0.2",
        *(f"solver.cpp:0]     Train net output #{index}: score = 0.5" for index in range(10)),
        "solver.cpp:0]     (2 more values of score)",
        "sgd_solver.cpp:0] Iteration 150, lr = 1e-05",
        "solver.cpp:0] Snapshotting to binary proto file m_iter_200.caffemodel",
        "sgd_solver.cpp:0] Snapshotting solver state to binary proto file m_iter_200.solverstate",
        "solver.cpp:0] Iteration 200, loss = 0.2",
        "solver.cpp:0] Optimization Done.",
        "netcli:0] run folder r",
    ]


def test_scalars_for_tensorboard() -> None:
    train = events.Train(
        10, 0.1, 3.0, 2.5, {"loss": 3.0, "norm": 7.0, "many": [1.0, 2.0]}, {"loss": 1.0}, 10, 640, 2.0, 0.0, None,
        {"fc6": 5.5},
    )  # fmt: skip
    assert scalars(train) == {
        "train/loss": 3.0, "train/smoothed_loss": 2.5, "train/norm": 7.0, "train/lr": 0.1, "train/lambda/fc6": 5.5,
        "train/images_per_s": 320.0,
    }  # fmt: skip
    assert scalars(events.Test(10, 1, {"accuracy": 0.5}, {}, 100, 1, 0.1)) == {"test1/accuracy": 0.5}


@pytest.mark.usefixtures("tiny")
def test_event_files_hold_what_the_metrics_hold(run: Any) -> None:
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    result = run("train", "solver.prototxt", "--tensorboard", "events", "--out", "r", "-q")
    assert result.exit_code == 0, result.stderr
    (file,) = Path("events").iterdir()
    content, found = file.read_bytes(), {}
    while content:
        size = int.from_bytes(content[:8], "little")
        event = Event.FromString(content[12 : 12 + size])
        found.update({(value.tag, event.step): value.simple_value for value in event.summary.value})
        content = content[16 + size :]
    records = [json.loads(line) for line in Path("r/metrics.jsonl").read_text().splitlines()]
    for record in records:
        if record["event"] == "test":
            assert found["test/accuracy", record["iteration"]] == pytest.approx(record["outputs"]["accuracy"])
        if record["event"] == "train":
            assert found["train/loss", record["iteration"]] == pytest.approx(record["loss"])
            assert found["train/lr", record["iteration"]] == pytest.approx(record["lr"])
    assert len([tag for tag, _ in found if tag == "test/loss"]) == 3
