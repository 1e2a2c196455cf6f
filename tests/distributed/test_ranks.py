"""One, two, three and four ranks train the same net to the same losses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).with_name("rank_programs.py")
LENET = ROOT / "configs" / "lenet.prototxt"

MLP = """net_param { name: "mlp"
layer { name: "digits" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  transform_param { scale: 0.00390625 } data_param { source: "builtin:digits/train" batch_size: 10 } }
layer { name: "digits" type: "Data" top: "data" top: "label" include { phase: TEST }
  transform_param { scale: 0.00390625 } data_param { source: "builtin:digits/test" batch_size: 100 } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 10 weight_filler { type: "xavier" } } }
layer { name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy" include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" } }
test_iter: 3 test_interval: 1000 test_initialization: false base_lr: 0.05 momentum: 0.9 lr_policy: "fixed"
clip_gradients: 0.9 weight_decay: 0.001 iter_size: 2 display: 1 max_iter: 12
"""


SMALL = """net_param {
layer { name: "data" type: "DummyData" top: "data" top: "target" dummy_data_param {
  shape { dim: 3 dim: 6 } shape { dim: 3 dim: 2 } data_filler { type: "gaussian" } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "ip" bottom: "target" top: "loss" } }
base_lr: 0.05 momentum: 0.9 clip_gradients: 0.5 iter_size: 2 lr_policy: "fixed" display: 1 max_iter: 3
"""


@pytest.fixture(scope="module")
def mlp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mlp") / "mlp.prototxt"
    path.write_text(MLP)
    return path


@pytest.fixture
def told(launch: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """What a rank program says."""

    def run(ranks: int, program: str, config: Path) -> dict[str, Any]:
        job = launch(ranks, str(PROGRAMS), program, str(config))
        try:
            output, _ = job.communicate(timeout=300)
        finally:
            job.kill()
        assert job.returncode == 0, output
        result: dict[str, Any] = json.loads(output.splitlines()[-1])
        return result

    return run


def test_lenet_has_the_same_losses_on_any_number_of_ranks(told: Callable[..., dict[str, Any]]) -> None:
    results = told(4, "train_lenet", LENET)
    for kind in ("SGD", "Adam"):
        one = results[f"{kind} 1"]
        assert one["train"][-1] < 0.97 * one["train"][0]
        assert len(one["train"]) == 50
        for count in (2, 3, 4):
            several = results[f"{kind} {count}"]
            assert several["train"] == pytest.approx(one["train"], rel=1e-5)
            assert several["images"] == one["images"] == 50 * 15
            assert len(several["test"]) == len(one["test"]) == 4
            for theirs, own in zip(several["test"], one["test"], strict=True):
                assert theirs == pytest.approx(own, rel=1e-4)
            assert all(0 <= waited <= 1 for waited in several["waited"])


def test_weak_scaling_gives_each_rank_a_batch(told: Callable[..., dict[str, Any]], mlp: Path) -> None:
    results = told(2, "weak", mlp)
    assert results["2"]["train"] == pytest.approx(results["1"]["train"], rel=1e-5)
    assert results["2"]["images"] == results["1"]["images"] == 12 * 2 * 20


def test_ranks_that_have_drifted_apart_are_told(told: Callable[..., dict[str, Any]], mlp: Path) -> None:
    message = told(3, "drift", mlp)["message"]
    assert "NC536" in message
    assert "on rank 2" in message


def test_all_stop_after_the_iteration_in_which_one_is_asked(told: Callable[..., dict[str, Any]], mlp: Path) -> None:
    iterations = told(2, "stop", mlp)["iterations"]
    assert iterations[0] == iterations[1] in (5, 6)


def test_gradients_of_a_simulated_gpu_go_through_the_host(
    told: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_ENABLE_CUDASIM", "1")
    config = tmp_path / "small.prototxt"
    config.write_text(SMALL)
    losses = told(2, "on_device", config)
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=1e-5)
    assert losses["cpu"][0] != losses["cpu"][-1]
