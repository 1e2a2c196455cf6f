"""``netcli plot``: runs and logs of Caffe together, filters, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

LOG = """\
I0522 11:51:02.000000  7754 solver.cpp:228] Iteration 0, loss = 2.5
I0522 11:51:02.000000  7754 solver.cpp:244]     Train net output #0: loss = 2.5 (* 1 = 2.5 loss)
I0522 11:51:02.000000  7754 sgd_solver.cpp:106] Iteration 0, lr = 0.01
I0522 11:51:02.000000  7754 solver.cpp:337] Iteration 10, Testing net (#0)
I0522 11:51:03.000000  7754 solver.cpp:404]     Test net output #0: accuracy = 0.9905
"""


@pytest.fixture
def trained(tiny: Path, run: Any) -> Path:
    """The working directory, with a trained run in runs/solver-001 and a log of Caffe."""
    pytest.importorskip("matplotlib")
    Path("caffe.log").write_text(LOG)
    result = run("train", "solver.prototxt", "--log-format", "caffe")
    assert result.exit_code == 0, result.stderr
    Path("own.log").write_text(result.stderr)
    return tiny


def test_runs_and_old_logs_together(trained: Path, run: Any) -> None:
    result = run("plot", "runs/solver-001", "--caffe-log", "caffe.log", "--out", "both.svg", "--json")
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert (shown["schema"], shown["figure"], shown["smooth"]) == (1, "both.svg", 5)
    assert [entry["name"] for entry in shown["runs"]] == ["solver-001", "caffe.log"]
    curves = {
        (panel["title"], curve["run"], curve["kind"]): curve for panel in shown["panels"] for curve in panel["curves"]
    }
    records = [json.loads(line) for line in Path("runs/solver-001/metrics.jsonl").read_text().splitlines()]
    losses = {record["iteration"]: record["loss"] for record in records if record["event"] == "train"}
    own = curves["loss", 0, "train"]
    assert dict(zip(own["iterations"], own["values"], strict=True)) == losses
    assert curves["loss", 1, "train"]["values"] == [2.5]
    assert curves["accuracy", 1, "test"] == {
        "run": 1, "label": "test accuracy", "kind": "test", "iterations": [10], "values": [0.9905],
    }  # fmt: skip
    assert "<svg" in Path("both.svg").read_text()


def test_a_log_tells_what_the_metrics_tell(trained: Path, run: Any) -> None:
    shown = json.loads(run("plot", "runs/solver-001", "--caffe-log", "own.log", "--json").stdout)
    for panel in shown["panels"]:
        metrics, log = ([curve for curve in panel["curves"] if curve["run"] == index] for index in (0, 1))
        for first, second in zip(metrics, log, strict=True):
            kept = len(second["values"])
            # Caffe's format has no rate at the end.
            assert (first["label"], first["kind"], first["iterations"][:kept]) == (
                second["label"], second["kind"], second["iterations"],
            )  # fmt: skip
            assert first["values"][:kept] == pytest.approx(second["values"], rel=1e-5)
            assert kept >= len(first["values"]) - (panel["title"] == "learning rate")


def test_what_is_said(trained: Path, run: Any) -> None:
    result = run("plot", "runs", "--smooth", 1)
    assert (result.stdout, result.stderr) == ("plot.png: loss, accuracy, learning rate of solver-001\n", "")
    assert Path("plot.png").read_bytes().startswith(b"\x89PNG")


def test_runs_of_one_name_are_called_by_their_paths(trained: Path, run: Any) -> None:
    Path("other").mkdir()
    Path("runs/solver-001").rename("other/solver-001")
    run("train", "solver.prototxt", "-q")
    result = run("plot", "runs", "other", "--out", "p.png")
    assert result.stdout == "p.png: loss, accuracy, learning rate of runs/solver-001, other/solver-001\n"


def test_filters_of_a_run_and_of_a_file(tiny: Path, run: Any) -> None:
    pytest.importorskip("matplotlib")
    net = Path("net.prototxt").read_text()
    convolution = (
        'layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" convolution_param { num_output: 2 '
        'kernel_size: 3 weight_filler { type: "xavier" } } } layer { name: "ip" type: "InnerProduct" bottom: "conv1"'
    )
    Path("net.prototxt").write_text(
        net.replace('layer {\n  name: "ip" type: "InnerProduct" bottom: "data"', convolution)
    )
    assert run("train", "solver.prototxt", "-q", "--max-iter", 1, "--out", "r").exit_code == 0
    result = run("plot", "r", "--filters", "conv1", "--out", "f.png")
    assert result.stdout == "f.png: 2x1x3x3 of conv1 in r/model_iter_1.caffemodel\n"
    assert Path("f.png").read_bytes().startswith(b"\x89PNG")
    file = run("plot", "--weights", "r/model_iter_1.caffemodel", "--filters", "conv1", "--out", "f.svg", "--json")
    shown = json.loads(file.stdout)
    assert (shown["layer"], shown["shape"]) == ("conv1", [2, 1, 3, 3])
    assert len(shown["filters"]) == 2
    wrong = run("plot", "r", "--filters", "conv2")
    assert wrong.exit_code == 1
    assert (
        "has no layer 'conv2' with weights, expected one of conv1, ip. hint: did you mean 'conv1'? [NC533]"
        in wrong.stderr
    )
    flat = run("plot", "r", "--filters", "ip")
    assert "expected 4 axes, the last two not both 1, actual 3x8 [NC533]" in flat.stderr


def test_what_cannot_be_drawn(trained: Path, run: Any) -> None:
    assert "[NC553]" in run("plot", "runs", "--out", "plot.gif").stderr
    assert "[NC530]" in run("plot", "missing").stderr
    assert "[NC531]" in run("plot", "--caffe-log", "net.prototxt").stderr
    unknown = run("plot", "runs", "--output", "accurracy").stderr
    assert "no run has an output 'accurracy', expected one of loss, accuracy. hint: did you mean 'accuracy'?" in unknown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "there is nothing to draw"),
        (["--filters", "conv1"], "--filters wants either one RUN or --weights FILE"),
        (["r", "--filters", "conv1", "--weights", "w"], "--filters wants either one RUN or --weights FILE"),
        (["--filters", "conv1", "--caffe-log", "x", "--weights", "w"], "--filters wants either"),
        (["r", "--weights", "w"], "--weights is for --filters LAYER"),
    ],
)
def test_usage(run: Any, arguments: list[str], message: str) -> None:
    result = run("plot", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
