"""The configs that come with netcli: what they say, and that they plan and train."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from netcli.cli import main
from netcli.cli.checking import check_paths
from netcli.prototxt import load_net, load_solver

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
SOLVERS = [
    "lenet.prototxt",
    "mnist/lenet_solver.prototxt",
    "softmax_regression.prototxt",
    "digits_margin/m1_solver.prototxt",
    "digits_margin/m4_solver.prototxt",
]


@pytest.mark.parametrize("file", sorted(CONFIGS.rglob("*.prototxt")), ids=lambda file: file.name)
def test_nothing_is_wrong_with_them(file: Path) -> None:
    assert check_paths([str(file)], (1, 28, 28)).findings == []


@pytest.mark.parametrize("name", SOLVERS)
def test_tests_cover_every_test_image_once(name: str) -> None:
    source = load_solver(CONFIGS / name)
    images = 10000 if "mnist" in name else 2000
    data = [layer for layer in source.test_nets()[0].param.layer if layer.type == "Data"]
    batch = next(layer.data_param.batch_size for layer in data if layer.include[0].phase == 1)
    assert source.param.test_iter[0] * batch == images


@pytest.mark.parametrize("name", SOLVERS[:2])
def test_lenet_has_the_solver_settings_of_caffe(name: str) -> None:
    param = load_solver(CONFIGS / name).param
    assert param.base_lr == pytest.approx(0.01)
    assert param.momentum == pytest.approx(0.9)
    assert param.weight_decay == pytest.approx(0.0005)
    assert (param.lr_policy, param.type) == ("inv", "SGD")
    assert param.gamma == pytest.approx(0.0001)
    assert param.power == pytest.approx(0.75)
    assert param.max_iter == (10000 if "mnist" in name else 1000)


def test_both_lenets_are_the_same_net() -> None:
    built_in = load_solver(CONFIGS / "lenet.prototxt").train_net().param
    mnist = load_net(CONFIGS / "mnist" / "lenet_train_test.prototxt").param
    for ours, theirs in zip(built_in.layer, mnist.layer, strict=True):
        if ours.type != "Data":
            assert ours == theirs


def test_lenet_is_that_of_caffe(shared: Path) -> None:
    """Layer by layer as in Caffe's deploy net, data and losses aside."""
    ours = {layer.name: layer for layer in load_net(CONFIGS / "mnist" / "lenet_train_test.prototxt").param.layer}
    theirs = load_net(shared / "corpus" / "mnist__lenet.prototxt").param.layer
    compared = [layer.name for layer in theirs if layer.type not in ("Input", "Softmax")]
    assert compared == ["conv1", "pool1", "conv2", "pool2", "ip1", "relu1", "ip2"]
    for layer in theirs:
        if layer.name in compared:
            assert ours[layer.name] == layer


def test_softmax_regression_is_regularised() -> None:
    param = load_solver(CONFIGS / "softmax_regression.prototxt").param
    assert param.regularization_type == "L2"
    assert param.weight_decay > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "least", "most"), [("lenet.prototxt", 0.985, 1.0), ("softmax_regression.prototxt", 0.6, 0.95)]
)
def test_accuracy_on_the_built_in_digits(
    name: str, least: float, most: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LeNet passes 98.5%; softmax regression must not come near."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["train", str(CONFIGS / name), "--out", "run", "--seed", "1", "--plain"])
    assert result.exit_code == 0, result.stderr
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    accuracy = [record for record in records if record["event"] == "test"][-1]["outputs"]["accuracy"]
    assert least <= accuracy <= most
