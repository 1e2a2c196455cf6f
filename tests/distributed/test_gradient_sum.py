"""When the sums of gradients start and end, in a world that only pretends to have other processes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from netcli.distributed.gradient_sum import GradientSum
from netcli.net import Net
from netcli.prototxt import NetSource
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb

NET = """layer { name: "data" type: "DummyData" top: "data" top: "target"
  dummy_data_param { shape { dim: 2 dim: 4 } data_filler { type: "gaussian" } } }
layer { name: "a" type: "InnerProduct" bottom: "data" top: "a" param { name: "shared" } param { lr_mult: 1 }
  inner_product_param { num_output: 4 weight_filler { type: "gaussian" } } }
layer { name: "b" type: "InnerProduct" bottom: "a" top: "b"
  inner_product_param { num_output: 4 weight_filler { type: "gaussian" } } }
layer { name: "frozen" type: "InnerProduct" bottom: "b" top: "f" param { lr_mult: 0 } param { lr_mult: 0 }
  inner_product_param { num_output: 4 weight_filler { type: "gaussian" } } }
layer { name: "c" type: "InnerProduct" bottom: "f" top: "c" param { name: "shared" } param { lr_mult: 1 }
  inner_product_param { num_output: 4 weight_filler { type: "gaussian" } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "c" bottom: "target" top: "loss" }
"""


class TwoAlike:
    """Two processes with the same gradients: a sum is twice what is there, once it has been waited for."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def start_adding(self, array: np.ndarray) -> np.ndarray:
        self.log.append(f"start {array.size}")
        return array

    def test(self, requests: list[Any]) -> None:
        self.log.append("go on")

    def wait(self, requests: list[np.ndarray]) -> None:
        for array in requests:
            array *= 2
        self.log.append(f"wait for {len(requests)}")


@pytest.fixture
def net() -> Net:
    return Net(NetSource.from_text(NET), pb.TRAIN, seed=1)


def gradients(net: Net) -> dict[str, np.ndarray]:
    return {item.blob.name: item.blob.gradients.read(PLAIN).copy() for item in net.learnable}


def run(net: Net, passes: int = 1) -> dict[str, np.ndarray]:
    net.clear_param_diffs()
    for _ in range(passes):
        net.forward()
        net.backward()
    return gradients(net)


def test_sums_start_as_soon_as_their_gradients_are_complete(net: Net) -> None:
    alone = run(net)
    world = TwoAlike()
    net.before_backward.append(lambda index: world.log.append(net.layers[index].name))
    sums = GradientSum(world, net, net.learnable, bucket_bytes=1)  # type: ignore[arg-type]
    net.context.pass_index = 0
    sums.begin(1)
    together = run(net)
    assert world.log == [
        "loss", "c", "start 16", "go on", "frozen", "go on", "b", "start 16", "start 16", "go on",
        "a", "start 16", "start 16", "go on", "data", "wait for 5",
    ]  # fmt: skip
    trained = [name for name in alone if not name.startswith("frozen")]
    assert len(trained) == 5
    for name in trained:
        np.testing.assert_allclose(together[name], 2 * alone[name], rtol=1e-6, err_msg=name)


def test_of_several_passes_the_last_one_is_summed(net: Net) -> None:
    alone = run(net, 3)
    world = TwoAlike()
    sums = GradientSum(world, net, net.learnable)  # type: ignore[arg-type]
    net.context.pass_index = 0
    sums.begin(3)
    together = run(net, 3)
    assert world.log.count("wait for 1") == 1
    np.testing.assert_allclose(together["b[0]"], 2 * alone["b[0]"], rtol=1e-6)


def test_what_does_not_count_is_zero_even_where_it_is_no_number(net: Net) -> None:
    world = TwoAlike()
    sums = GradientSum(world, net, net.learnable, counts=False)  # type: ignore[arg-type]
    net.layer("b").params[0].values.update(PLAIN)[...] = np.nan
    sums.begin(1)
    together = run(net)
    assert all(not array.any() for name, array in together.items() if not name.startswith("frozen"))
