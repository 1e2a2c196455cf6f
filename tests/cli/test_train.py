"""``netcli train``: the run folder, what is printed, overrides, weights and resuming."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from netcli.cli import builtin_data
from netcli.convert.caffemodel import read_weights
from netcli.prototxt import NetSource, load_solver
from netcli.report import progress
from netcli.schema.arrays import blob_to_array


def _metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def _weights(path: Path) -> list[Any]:
    return [blob_to_array(blob).tolist() for layer in read_weights(path).layer for blob in layer.blobs]


def test_what_is_printed(tiny: Path, run: Any) -> None:
    result = run("train", "solver.prototxt", "--threads", 1)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    number = r"\d+\.?\d*(e-\d+)?"
    expected = [
        r"training Tiny: 51 parameters, seed 7, 1 thread, run folder runs/solver-001",
        rf"test at 0: accuracy {number}, loss {number} \(8 images\)",
        rf"iteration 0 \(epoch 0\.33\): loss {number}, lr 0\.1",
        rf"test at 5: accuracy {number}, loss {number} \(8 images\)",
        rf"iteration 5 \(epoch 2\.00\): loss {number}, lr 0\.1, [\d,]+ images/s(, \d+% of the time waiting for data)?",
        r"snapshot at 10: runs/solver-001/model_iter_10\.caffemodel",
        rf"iteration 10 \(epoch 3\.67\): loss {number}, lr 0\.1, [\d,]+ images/s(, \d+% of the time waiting for data)?",
        rf"test at 10: accuracy {number}, loss {number} \(8 images\)",
        rf"finished after 10 iterations, {number} s",
        r"run folder runs/solver-001",
    ]
    lines = [line for line in result.stderr.splitlines() if not line.startswith(("compiling", "kernels ready"))]
    assert len(lines) == len(expected), lines
    for line, pattern in zip(lines, expected, strict=True):
        assert re.fullmatch(pattern, line), f"{line!r} does not match {pattern!r}"


def test_metrics_have_the_promised_keys(tiny: Path, run: Any) -> None:
    run("train", "solver.prototxt", "-q")
    records = _metrics(Path("runs/solver-001"))
    assert all(record["schema"] == 1 and record["time"] > 1.6e9 for record in records)
    assert [record["event"] for record in records] == [
        "started", "test", "train", "test", "train", "snapshot", "train", "test", "finished",
    ]  # fmt: skip
    train = next(record for record in records if record["event"] == "train")
    assert set(train) == {
        "schema", "event", "iteration", "epoch", "lr", "loss", "smoothed_loss", "outputs", "lambda", "images_per_s",
        "data_wait", "time",
    }  # fmt: skip
    assert train["iteration"] == 0
    assert train["lr"] == 0.1
    assert set(train["outputs"]) == {"loss"}
    test = records[1]
    assert {"schema", "event", "iteration", "net", "outputs", "images"} <= set(test)
    assert (test["iteration"], test["net"], test["images"]) == (0, 0, 8)
    assert set(test["outputs"]) == {"accuracy", "loss"}
    assert records[0]["max_iter"] == 10
    assert records[0]["seed"] == 7
    assert Path(records[5]["weights"]).exists()
    assert Path(records[5]["state"]).exists()
    assert records[-1]["reason"] == "max_iter"


def test_quiet_says_nothing(tiny: Path, run: Any) -> None:
    result = run("train", "solver.prototxt", "-q")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_run_folders_are_numbered(tiny: Path, run: Any) -> None:
    for _ in range(2):
        run("train", "solver.prototxt", "-q", "--max-iter", 1)
    (tiny / "runs" / "solver-007").mkdir()
    run("train", "solver.prototxt", "-q", "--max-iter", 1)
    assert sorted(path.name for path in Path("runs").iterdir()) == [
        "solver-001", "solver-002", "solver-007", "solver-008",
    ]  # fmt: skip


def test_out_keeps_the_metrics_of_the_run_before(tiny: Path, run: Any) -> None:
    run("train", "solver.prototxt", "-q", "--max-iter", 1, "--out", "mine")
    first = (tiny / "mine" / "metrics.jsonl").read_text()
    run("train", "solver.prototxt", "-q", "--max-iter", 1, "--out", "mine")
    assert (tiny / "mine" / "metrics.1.jsonl").read_text() == first
    assert [record["event"] for record in _metrics(tiny / "mine")].count("started") == 1


def test_the_config_of_a_run_gives_the_same_run_elsewhere(
    tiny: Path, run: Any, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("train", "solver.prototxt", "-q", "--out", "first", "--seed", 3, "--set", "base_lr=0.05")
    config = load_solver("first/config.prototxt")
    assert config.param.net_param.layer[0].data_param.source == str(tiny / "train_lmdb")
    assert config.param.random_seed == 3
    assert not config.param.HasField("net")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    again = run("train", tiny / "first" / "config.prototxt", "-q", "--out", "again")
    assert again.exit_code == 0, again.stderr
    assert _weights(Path("again/model_iter_10.caffemodel")) == _weights(tiny / "first" / "model_iter_10.caffemodel")


def test_the_config_of_a_run_leaves_its_snapshots_alone(tiny: Path, run: Any) -> None:
    run("train", "solver.prototxt", "-q", "--out", "first")
    before = (tiny / "first" / "model_iter_10.caffemodel").stat().st_mtime_ns
    assert run("train", "first/config.prototxt", "-q", "--set", "base_lr=0.5").exit_code == 0
    assert (tiny / "first" / "model_iter_10.caffemodel").stat().st_mtime_ns == before
    assert (tiny / "runs" / "config-001" / "model_iter_10.caffemodel").is_file()


def test_the_config_of_a_run_keeps_a_prefix_that_the_solver_sets(tiny: Path, run: Any) -> None:
    run("train", "solver.prototxt", "-q", "--out", "first", "--set", "snapshot_prefix=elsewhere/w")
    assert load_solver("first/config.prototxt").param.snapshot_prefix == str(tiny / "elsewhere" / "w")
    assert (tiny / "elsewhere" / "w_iter_10.caffemodel").is_file()


def test_manifest(tiny: Path, run: Any) -> None:
    run("train", "solver.prototxt", "-q", "--max-iter", 1, "--threads", 1)
    manifest = json.loads((tiny / "runs" / "solver-001" / "manifest.json").read_text())
    assert manifest["schema"] == 1
    assert manifest["seed"] == 7
    assert manifest["threads"] == 1
    assert manifest["config"] == str(tiny / "solver.prototxt")
    assert manifest["packages"]["numba"]
    assert manifest["machine"]["lanes"] in (4, 8, 16)


@pytest.mark.parametrize(
    ("assignment", "field", "value"),
    [
        ("base_lr=0.025", "base_lr", 0.025),
        ("test_iter=1", "test_iter", [1]),
        ("regularization_type=L1", "regularization_type", "L1"),
        ('type="Nesterov"', "type", "Nesterov"),
        ("snapshot_after_train=false", "snapshot_after_train", False),
        ("snapshot_format=BINARYPROTO", "snapshot_format", 1),
    ],
)
def test_set_overrides_any_field(tiny: Path, run: Any, assignment: str, field: str, value: object) -> None:
    result = run("train", "solver.prototxt", "-q", "--max-iter", 1, "--out", "o", "--set", assignment)
    assert result.exit_code == 0, result.stderr
    found = getattr(load_solver("o/config.prototxt").param, field)
    assert (list(found) if isinstance(value, list) else found) == (
        pytest.approx(value) if isinstance(value, float) else value
    )


def test_set_reports_all_mistakes_at_once(tiny: Path, run: Any) -> None:
    result = run("train", "solver.prototxt", "--set", "base_lrr=1", "--set", "max_iter=ten")
    assert result.exit_code == 3
    first, second = result.stderr.splitlines()
    assert first.startswith("error: --set:1:1: ")
    assert "base_lr" in first
    assert "NC012" in first
    assert second.startswith("error: --set:2:")
    assert not Path("runs").exists()


def test_resume_ends_where_one_run_ends(tiny: Path, run: Any) -> None:
    run("train", "solver.prototxt", "-q", "--out", "whole")
    run("train", "solver.prototxt", "-q", "--out", "parts", "--max-iter", 5)
    result = run("train", "solver.prototxt", "-q", "--out", "parts", "--resume", "parts/model_iter_5.solverstate")
    assert result.exit_code == 0, result.stderr
    assert _weights(Path("parts/model_iter_10.caffemodel")) == _weights(Path("whole/model_iter_10.caffemodel"))
    events = [record["event"] for record in _metrics(Path("parts"))]
    assert events.count("started") == events.count("finished") == 2


def test_weights_start_a_run(tiny: Path, run: Any) -> None:
    run("train", "solver.prototxt", "-q", "--out", "first")
    start = "first/model_iter_10.caffemodel"
    run("train", "solver.prototxt", "-q", "--out", "second", "--weights", start, "--set", "base_lr=0")
    assert _weights(Path("second/model_iter_10.caffemodel")) == _weights(Path(start))


def test_what_was_loaded_is_told(tiny: Path, run: Any) -> None:
    run("train", "solver.prototxt", "-q", "--out", "w")
    start = "w/model_iter_10.caffemodel"
    result = run("train", "solver.prototxt", "--max-iter", 1, "--weights", start)
    assert f"weights {start}: 1 loaded; 51 values" in result.stderr.splitlines()
    net = Path("net.prototxt")
    more = 'layer { name: "new" type: "InnerProduct" bottom: "ip" top: "new" inner_product_param { num_output: 3 } }\n'
    net.write_text(net.read_text() + more)
    result = run("train", "solver.prototxt", "--max-iter", 1, "--weights", start, "-v")
    lines = result.stderr.splitlines()
    assert f"weights {start}: 1 loaded, 1 left fresh; 51 values" in lines
    assert ["new", "left", "fresh", "not", "in", "the", "file"] in [line.split() for line in lines]
    assert f"TRAIN net: {tiny}/net.prototxt" in lines or "TRAIN net: net.prototxt" in lines
    assert f"TRAIN layer data: source {tiny}/train_lmdb" in lines
    assert f"TEST layer data: source {tiny}/test_lmdb" in lines


def test_weights_and_resume_exclude_each_other(tiny: Path, run: Any) -> None:
    result = run("train", "solver.prototxt", "--weights", "a", "--resume", "b")
    assert result.exit_code == 2
    assert "exclude each other" in result.stderr


def test_divergence_is_4(tiny: Path, run: Any) -> None:
    result = run("train", "solver.prototxt", "-q", "--set", "base_lr=1e38", "--set", "momentum=0.9")
    assert result.exit_code == 4
    assert "training diverged at iteration" in result.stderr
    assert "Traceback" not in result.stderr
    assert _metrics(Path("runs/solver-001"))[-1]["event"] == "diverged"


def test_cuda_is_told_to_be_missing(tiny: Path, run: Any) -> None:
    """By the line that installs the packages, or what the driver says; cuda:99 is nowhere."""
    result = run("train", "solver.prototxt", "--device", "cuda:99")
    assert result.exit_code == 1
    assert "[NC510]" in result.stderr
    assert "Traceback" not in result.stderr
    assert not Path("runs").exists()
    assert run("train", "solver.prototxt", "--device", "tpu").exit_code == 2


def test_builtin_data_are_made_once_and_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    def draw(source: str, progress: Any) -> Path:
        progress(5, 5)
        return Path("cache") / source

    monkeypatch.setattr(builtin_data, "builtin_source", draw)
    net = NetSource.from_text('layer { name: "d" type: "Data" data_param { source: "builtin:digits/train" } }')
    builtin_data.make_builtin_data([net, net], quiet=False)
    assert capsys.readouterr().err == ("drew 5 images for builtin:digits/train, kept in cache/builtin:digits/train\n")
    builtin_data.make_builtin_data([net], quiet=True)
    assert capsys.readouterr().err == ""


def test_the_bar_is_for_terminals_only(tiny: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("a bar without a terminal")

    monkeypatch.setattr(progress, "ProgressReport", refuse)
    assert run("train", "solver.prototxt", "--max-iter", 1).exit_code == 0
