"""What of the benchmark needs no PyTorch: its nets, its arithmetic, and the comparison with a stored result."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from speed_rows import Case, iteration_flops, prepared
from speed_worker import NETCLI, WEIGHTS, Netcli, Settings
from training_speed import fallen
from zoo import ZOO, for_inference

from netcli.net.graph import build_graph
from netcli.prototxt import NetSource
from netcli.runtime.threads import available_cores
from netcli.schema import caffe_pb2 as pb

PUBLISHED = {"bvlc_reference_caffenet__deploy": "caffenet", "bvlc_googlenet__deploy": "googlenet"}


@pytest.mark.parametrize("name", ZOO)
def test_each_net_trains_and_answers(name: str) -> None:
    text = ZOO[name](2)
    assert build_graph(NetSource.from_text(text), pb.TRAIN).shapes["data"][0] == 2
    answering = build_graph(NetSource.from_text(for_inference(text)), pb.TEST)
    assert answering.inputs == ["data"]
    assert not any(step.layer.is_loss for step in answering.steps)


@pytest.mark.parametrize(("file", "name"), PUBLISHED.items())
def test_nets_have_the_parameters_of_the_published_ones(file: str, name: str, shared: Path) -> None:
    published = json.loads((shared / "corpus" / "shapes.json").read_text())[f"{file}.prototxt"]["params"]
    graph = build_graph(NetSource.from_text(ZOO[name](1)), pb.TRAIN)
    ours = sorted([list(slot.shape) for slot in step.slots] for step in graph.steps if step.slots)
    assert ours == sorted(published.values())


def test_resnet_50_has_its_25_6_million_parameters_and_3_9_billion_products() -> None:
    graph = build_graph(NetSource.from_text(ZOO["resnet50"](1)), pb.TRAIN)
    learned = [slot for step in graph.steps if step.layer.type_name != "BatchNorm" for slot in step.slots]
    assert sum(math.prod(slot.shape) for slot in learned) == 25_557_032
    assert sum(map(graph.macs, graph.steps)) == pytest.approx(3.86e9, rel=0.01)


def test_an_iteration_counts_what_is_computed() -> None:
    """LeNet's first layer needs no gradient of the data."""
    case = Case("lenet:64", 1)
    graph = build_graph(NetSource.from_text(case.text()), pb.TRAIN)
    macs = {step.name: graph.macs(step) for step in graph.steps}
    assert case.flops() == 2 * (3 * sum(macs.values()) - macs["conv1"])
    assert sum(iteration_flops(graph, inference=True)) == 2 * sum(macs.values())


@pytest.mark.parametrize("name", ["lenet", "lenet:x", "lenet:1:training", "vgg:1", "lenet:1:inference:2"])
def test_a_row_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(SystemExit, match="is not NET:BATCH"):
        Case(name, 1).text()


@pytest.mark.parametrize("name", ["lenet:1", "lenet:1:inference"])
def test_the_side_of_netcli_runs_blocks_and_layers(name: str) -> None:
    case = Case(name, available_cores())
    with prepared(case) as folder:
        side = Netcli(Settings(folder))
        assert side.run(NETCLI, iterations=2, lead=1)["seconds"] > 0
        layers = {layer["name"]: layer for layer in side.layers(NETCLI, iterations=1)}
        weights, first = np.load(folder / WEIGHTS), np.load(folder / f"{NETCLI}.npz")
    assert layers["conv2"]["forward"] > 0
    assert (layers["conv2"]["backward"] > 0) != case.inference
    assert weights["conv2/0"].shape == (50, 20, 5, 5)
    assert first.files == (["ip2"] if case.inference else ["loss"])


def test_only_ratios_that_have_fallen_beyond_the_tolerance_are_told() -> None:
    stored = [{"row": "a", "threads": 2, "ratio": 2.0}, {"row": "b", "threads": 2, "ratio": 2.0}]
    now = [
        {"row": "a", "threads": 2, "ratio": 1.81},
        {"row": "b", "threads": 2, "ratio": 1.79},
        {"row": "b", "threads": 1, "ratio": 1.0},
    ]
    assert fallen(now, stored, 0.1) == ["b, 2 threads: ratio 1.79, 2.00 before"]
