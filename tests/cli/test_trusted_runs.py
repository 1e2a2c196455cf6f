"""The options of train that make a run one that can be trusted: what is kept, what is refused, what is said."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from netcli.convert.caffemodel import read_weights


def files(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir() if path.name.startswith("model"))


def blobs(path: str) -> list[Any]:
    return [list(layer.blobs) for layer in read_weights(path).layer if layer.blobs]


@pytest.fixture
def trained(tiny: Path, run: Any) -> Path:
    """The run folder "run": ten iterations, a snapshot after every two."""
    result = run("train", "solver.prototxt", "--out", "run", "--set", "snapshot=2", "-q")
    assert result.exit_code == 0, result.stderr
    return tiny / "run"


def test_the_newest_and_the_best_are_kept(tiny: Path, run: Any) -> None:
    options = ["--set", "snapshot=2", "--keep-last", 2, "--save-best", "accuracy"]
    assert run("train", "solver.prototxt", "--out", "a", *options).exit_code == 0
    newest = [f"model_iter_{n}.{ending}" for n in (10, 8) for ending in ("caffemodel", "solverstate")]
    assert files("a") == ["model_best.caffemodel", *newest]
    tests = [json.loads(line) for line in Path("a/metrics.jsonl").read_text().splitlines() if '"test"' in line]
    best = max(tests, key=lambda record: record["outputs"]["accuracy"])
    result = run("test", "solver.prototxt", "--weights", "a/model_best.caffemodel", "--json")
    assert json.loads(result.stdout)["outputs"]["accuracy"] == pytest.approx(best["outputs"]["accuracy"], abs=0.2)


def test_an_unknown_metric_is_told_before_the_training(tiny: Path, run: Any) -> None:
    result = run("train", "solver.prototxt", "--out", "a", "--save-best", "nope:max")
    assert result.exit_code == 1
    assert result.stderr == "error: no test net has an output 'nope', expected one of accuracy, loss [NC474]\n"


def test_patience_ends_a_run_that_does_not_improve(tiny: Path, run: Any) -> None:
    options = ["--save-best", "loss", "--patience", 2, "--set", "base_lr=0", "--set", "test_interval=1"]
    result = run("train", "solver.prototxt", "--out", "a", *options)
    assert result.exit_code == 0
    assert "finished early: no better test for --patience tests, after 2 iterations" in result.stderr


def test_epochs_are_passes_over_the_training_set(tiny: Path, run: Any) -> None:
    result = run("train", "solver.prototxt", "--out", "a", "--epochs", 2)
    assert result.exit_code == 0
    assert "iteration 5 (epoch 2.00)" in result.stderr
    assert "finished after 6 iterations" in result.stderr


def test_a_changed_config_is_shown_and_needs_force(trained: Path, run: Any) -> None:
    options = ["train", "solver.prototxt", "--out", "run", "--resume", "auto", "--set", "momentum=0.5"]
    refused = run(*options, "--max-iter", 12)
    assert refused.exit_code == 1
    assert "+momentum: 0.5\n" in refused.stderr
    assert refused.stderr.endswith(
        "so this would be another run. hint: --force resumes with the present config [NC472]\n"
    )
    forced = run(*options, "--max-iter", 12, "--force")
    assert forced.exit_code == 0, forced.stderr
    assert "+momentum: 0.5\n" in forced.stderr
    assert "model_iter_12.solverstate" in files("run")


def test_more_iterations_are_no_change(trained: Path, run: Any) -> None:
    result = run(
        "train", "solver.prototxt", "--out", "run", "--resume", "auto", "--max-iter", 12, "--set", "snapshot=2"
    )
    assert result.exit_code == 0, result.stderr
    assert "resuming run/model_iter_10.solverstate" in result.stderr


@pytest.mark.parametrize(
    ("ending", "damage"),
    [
        ("solverstate", lambda content: content[: len(content) // 2]),
        ("solverstate", lambda content: bytes([*content[:20], content[20] ^ 4, *content[21:]])),
        ("caffemodel", lambda content: content[: len(content) // 2]),
        ("caffemodel", lambda content: bytes([*content[:-9], content[-9] ^ 1, *content[-8:]])),
        ("caffemodel", lambda content: b""),
    ],
    ids=["state cut", "state flipped", "weights cut", "weights flipped", "weights empty"],
)
def test_a_damaged_snapshot_is_passed_over_with_its_reason(ending: str, damage: Any, trained: Path, run: Any) -> None:
    path = trained / f"model_iter_10.{ending}"
    path.write_bytes(damage(path.read_bytes()))
    before = (trained / "model_iter_8.solverstate").read_bytes()
    result = run("train", "solver.prototxt", "--out", "run", "--resume", "auto", "--set", "snapshot=2")
    assert result.exit_code == 0, result.stderr
    assert "passed over: " in result.stderr
    assert f"model_iter_10.{ending}" in result.stderr
    assert "resuming run/model_iter_8.solverstate" in result.stderr
    assert (trained / "model_iter_8.solverstate").read_bytes() == before
    named = run("train", "solver.prototxt", "--out", "run", "--resume", "run/model_iter_10.solverstate")
    assert named.exit_code == 0, named.stderr


def test_the_weights_find_their_state(trained: Path, run: Any) -> None:
    result = run(
        "train", "solver.prototxt", "--out", "b", "--resume", "run/model_iter_8.caffemodel", "--set", "snapshot=2"
    )
    assert result.exit_code == 0, result.stderr
    assert blobs("b/model_iter_10.caffemodel") == blobs("run/model_iter_10.caffemodel")


def test_the_state_of_another_solver_type_is_refused_with_both(trained: Path, run: Any) -> None:
    options = ["--resume", "run/model_iter_10.solverstate", "--set", "type=Adam", "--force"]
    result = run("train", "solver.prototxt", "--out", "b", *options)
    assert result.exit_code == 1
    assert 'was written by another solver type, expected type "Adam", actual "SGD"' in result.stderr


def test_the_state_of_another_net_is_refused_with_both(trained: Path, run: Any) -> None:
    net = Path("net.prototxt")
    net.write_text(net.read_text().replace("num_output: 3", "num_output: 4"))
    result = run("train", "solver.prototxt", "--out", "b", "--resume", "run/model_iter_10.solverstate", "--force")
    assert result.exit_code == 1
    assert "(4, 16)" in result.stderr
    assert "(3, 16)" in result.stderr


def test_frozen_layers_do_not_learn(trained: Path, run: Any) -> None:
    start = "run/model_iter_10.caffemodel"
    assert run("train", "solver.prototxt", "--out", "b", "--weights", start, "--freeze", "i*").exit_code == 0
    assert blobs("b/model_iter_10.caffemodel") == blobs(start)
    refused = run("train", "solver.prototxt", "--out", "c", "--freeze", "zz*")
    assert refused.exit_code == 1
    assert refused.stderr == (
        "error: --freeze fits no layer with parameters, expected one of ip, actual 'zz*' [NC473]\n"
    )


def test_renamed_layers_take_the_old_weights(trained: Path, run: Any) -> None:
    net = Path("net.prototxt")
    net.write_text(net.read_text().replace('name: "ip"', 'name: "classes"'))
    start = "run/model_iter_10.caffemodel"
    options = ["--weights", start, "--rename", "ip=classes", "--strict", "--freeze", "*"]
    result = run("train", "solver.prototxt", "--out", "b", *options)
    assert result.exit_code == 0, result.stderr
    assert blobs("b/model_iter_10.caffemodel") == blobs(start)


def test_another_shape_is_refused_or_left_fresh(trained: Path, run: Any) -> None:
    net = Path("net.prototxt")
    net.write_text(net.read_text().replace("num_output: 3", "num_output: 4"))
    start = ["--weights", "run/model_iter_10.caffemodel"]
    refused = run("train", "solver.prototxt", "--out", "b", *start)
    assert refused.exit_code == 1
    assert "--skip-mismatch" in refused.stderr
    fresh = run("train", "solver.prototxt", "--out", "c", *start, "--skip-mismatch")
    assert fresh.exit_code == 0, fresh.stderr
    assert "ip" in fresh.stderr


@pytest.mark.parametrize(("choice", "code"), [("stop", 4), ("warn", 0), ("continue", 0)])
def test_a_loss_that_is_no_number(choice: str, code: int, trained: Path, run: Any) -> None:
    net = Path("net.prototxt")
    net.write_text(
        net.read_text().replace("SoftmaxWithLoss", "EuclideanLoss").replace("num_output: 3", "num_output: 1")
    )
    settings = ["--set", "base_lr=1e20", "--set", "snapshot=1", "--set", "test_initialization=false"]
    settings += ["--set", "test_interval=100", "--on-nan", choice]
    result = run("train", "solver.prototxt", "--out", "b", *settings)
    assert result.exit_code == code, result.stderr
    told = "diverging at iteration 1: the loss is not finite; lr 1e+20, loss inf, label from 0 to 2" in result.stderr
    assert told == (choice != "continue")
    if choice == "stop":
        assert "model_iter_10.caffemodel" not in files("b")


def test_a_full_disk_is_told_and_leaves_the_older_snapshot(trained: Path) -> None:
    """RLIMIT_FSIZE stands in for the end of the disk: no file may grow beyond it."""
    before = {name: (trained / name).read_bytes() for name in files("run")}
    least = min(len(content) for name, content in before.items() if name.endswith("caffemodel"))
    command = ["train", "solver.prototxt", "--out", "run", "--resume", "auto", "--max-iter", "12", "-q"]
    result = subprocess.run(
        [sys.executable, "-m", "netcli", *command, "--set", "snapshot=2"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (least - 1, resource.RLIM_INFINITY)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "NC459" in result.stderr
    assert "Traceback" not in result.stderr
    assert {name: (trained / name).read_bytes() for name in files("run")} == before
