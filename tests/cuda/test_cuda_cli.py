"""The commands with ``--device cuda``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from netcli.cli import main

pytestmark = [pytest.mark.cuda_sim, pytest.mark.gpu]

NET = """
layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param {
        shape { dim: 2 dim: 1 dim: 4 dim: 4 } shape { dim: 2 }
        data_filler { type: "gaussian" } data_filler { type: "constant" value: 1 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 2 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
        inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy" include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
SOLVER = """net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" momentum: 0.9 max_iter: 4 display: 2 random_seed: 1
test_iter: 1 test_interval: 4
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(NET)
    Path("solver.prototxt").write_text(SOLVER)


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 0, result.output
    return result


def displayed(folder: str) -> list[float]:
    lines = [json.loads(line) for line in (Path(folder) / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if line["event"] == "train"]


def test_train_and_test_as_on_the_cpu() -> None:
    for device in ("cpu", "cuda"):
        run("train", "solver.prototxt", "--device", device, "--out", device, "-q")
    assert displayed("cuda") == pytest.approx(displayed("cpu"), rel=1e-4)
    assert len(displayed("cuda")) == 3
    assert json.loads(Path("cuda/manifest.json").read_text())["device"] == "cuda"
    results = [
        json.loads(
            run(
                "test", "solver.prototxt", "--weights", "cuda/model_iter_4.caffemodel", "--iterations", "2", "--device",
                device, "--json",
            ).stdout
        )["outputs"]
        for device in ("cpu", "cuda")
    ]  # fmt: skip
    assert results[1] == pytest.approx(results[0], rel=1e-4)


def test_time_tells_the_device() -> None:
    found = json.loads(run("time", "solver.prototxt", "--iterations", "1", "--device", "cuda", "--json").stdout)
    assert found["device"] == "cuda"
    assert {layer["name"] for layer in found["layers"]} >= {"conv", "ip", "loss"}


def test_an_engine_without_a_gpu_is_a_wrong_use() -> None:
    result = CliRunner().invoke(main, ["train", "solver.prototxt", "--cuda-engine", "cublas"])
    assert result.exit_code == 2
    assert "--device cuda" in result.stderr
