"""``netcli time``: the promised keys, no data needed, and sums that add up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from netcli.cli.measuring import Spread


def _time(run: Any, *arguments: object) -> dict[str, Any]:
    result = run("time", *arguments, "--iterations", 3, "--threads", 1, "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def away(tiny: Path) -> Path:
    """``tiny`` without its data."""
    net = Path("net.prototxt")
    net.write_text(net.read_text().replace("_lmdb", "_nowhere"))
    return tiny


def test_json_of_a_solver_without_its_data(away: Path, run: Any) -> None:
    found = _time(run, "solver.prototxt", "--input-shape", "1,4,4", "--batch", 8)
    assert set(found) == {
        "schema", "batch", "threads", "device", "iterations", "phase", "compile_s", "forward_ms", "backward_ms",
        "forward_backward_ms", "training_iteration_ms", "images_per_s", "layers", "unattributed_ms", "peak_gflops",
    }  # fmt: skip
    assert (found["schema"], found["batch"], found["threads"], found["device"]) == (1, 8, 1, "cpu")
    for key in ("forward_ms", "backward_ms", "forward_backward_ms", "training_iteration_ms"):
        spread = found[key]
        assert set(spread) == {"median", "min", "iqr"}
        assert 0 < spread["min"] <= spread["median"]
    assert [layer["name"] for layer in found["layers"]] == ["data", "ip", "loss"]
    ip = found["layers"][1]
    assert set(ip) == {"name", "type", "forward_ms", "backward_ms", "gflops"}
    assert ip["gflops"] == pytest.approx(2 * 8 * 16 * 3 / ip["forward_ms"]["median"] / 1e6, abs=0.006)
    assert found["layers"][2]["gflops"] is None
    per_layer = sum(layer["forward_ms"]["median"] + layer["backward_ms"]["median"] for layer in found["layers"])
    assert found["unattributed_ms"] == pytest.approx(found["forward_backward_ms"]["median"] - per_layer, abs=0.01)
    assert found["images_per_s"] == pytest.approx(8000 / found["training_iteration_ms"]["median"], rel=0.01)
    assert found["peak_gflops"] > 0


def test_a_net_has_no_training_iteration(tiny: Path, run: Any) -> None:
    found = _time(run, "net.prototxt")
    assert "training_iteration_ms" not in found
    assert found["batch"] == 4
    assert found["phase"] == "TRAIN"


def test_a_net_that_a_program_feeds(tiny: Path, run: Any) -> None:
    Path("memory.prototxt").write_text(
        Path("net.prototxt").read_text().replace('type: "Data"', 'type: "MemoryData"')
        .replace('source: "train_lmdb" batch_size: 4 backend: LMDB', "batch_size: 4 channels: 1 height: 4 width: 4")
        .replace('source: "test_lmdb" batch_size: 4 backend: LMDB', "batch_size: 4 channels: 1 height: 4 width: 4")
        .replace("data_param", "memory_data_param")
    )  # fmt: skip
    found = _time(run, "memory.prototxt", "--batch", 3)
    assert (found["batch"], found["layers"][0]["type"]) == (3, "MemoryData")


def test_forward_only(tiny: Path, run: Any) -> None:
    found = _time(run, "solver.prototxt", "--forward-only")
    assert found["backward_ms"] is found["forward_backward_ms"] is None
    assert "training_iteration_ms" not in found
    assert all(layer["backward_ms"] is None for layer in found["layers"])


def test_the_shape_must_be_known(away: Path, run: Any) -> None:
    result = run("time", "solver.prototxt")
    assert result.exit_code == 3
    assert "--input-shape C,H,W" in result.stderr


def test_what_is_printed(tiny: Path, run: Any) -> None:
    result = run("time", "solver.prototxt", "--iterations", 2, "--threads", 1)
    lines = result.stdout.splitlines()
    assert lines[0] == "layer\ttype\tforward ms\tiqr\tbackward ms\tiqr\tshare\tGFLOP/s\tof sgemm"
    assert [line.split("\t")[0] for line in lines[1:]] == ["data", "ip", "loss", "unattributed"]
    titles = [line[:21].strip() for line in result.stderr.splitlines()]
    assert titles == [
        "forward", "backward", "forward and backward", "training iteration", "images", "first pass", "sgemm peak",
        "phase TRAIN, batch 4,",
    ]  # fmt: skip


def test_spread() -> None:
    assert Spread.of([0.004, 0.001, 0.002, 0.003, 0.005]) == Spread(3.0, 1.0, 2.0)
    assert Spread.of([0.002]) == Spread(2.0, 2.0, 0)
