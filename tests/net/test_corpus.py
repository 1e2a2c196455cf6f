"""Other people's nets, from the shared folder: Caffe's shapes, and a pass forward and backward at batch 1."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from netcli.net import Net, build_graph
from netcli.prototxt import load_net
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb

SMALL = (
    "cifar10__cifar10_full.prototxt",
    "cifar10__cifar10_quick.prototxt",
    "mnist__lenet.prototxt",
    "siamese__mnist_siamese.prototxt",
)
LARGE = (
    "bvlc_alexnet__deploy.prototxt",
    "bvlc_googlenet__deploy.prototxt",
    "bvlc_reference_caffenet__deploy.prototxt",
    "bvlc_reference_rcnn_ilsvrc13__deploy.prototxt",
    "finetune_flickr_style__deploy.prototxt",
    "net_surgery__bvlc_caffenet_full_conv.prototxt",
    "sphereface20__deploy.prototxt",
    "sphereface64__deploy.prototxt",
)


def test_all_nets_stand_here(shared: Path) -> None:
    assert {file.name for file in (shared / "corpus").glob("*.prototxt")} == {*SMALL, *LARGE}


@pytest.mark.parametrize("name", [*SMALL, *LARGE])
def test_shapes_are_caffes(name: str, shared: Path) -> None:
    expected = json.loads((shared / "corpus" / "shapes.json").read_text())[name]
    graph = build_graph(load_net(shared / "corpus" / name), pb.TEST)
    assert {blob: list(graph.shapes[blob]) for blob in expected["blobs"]} == expected["blobs"]
    params = {step.name: [list(slot.shape) for slot in step.slots] for step in graph.steps if step.slots}
    assert params == expected["params"]


@pytest.mark.parametrize("name", [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE)])
def test_it_runs_forward_and_backward_at_batch_1(name: str, shared: Path) -> None:
    source = load_net(shared / "corpus" / name)
    source.param.force_backward = True
    net = Net(source, pb.TEST, seed=1)
    rng = np.random.default_rng(1)
    for item in net.learnable:
        # A deploy net has no fillers; He's weights keep values of one size through all layers.
        inputs = math.prod(item.blob.shape[1:]) or 1
        values = item.blob.values.write(PLAIN)
        rng.standard_normal(dtype=np.float32, out=values)
        values *= math.sqrt(2 / inputs) if len(item.blob.shape) > 1 else 0.1
    for blob in net.inputs:
        net.blobs[blob].reshape((1, *net.blobs[blob].shape[1:]))
        net.blobs[blob].data[...] = rng.standard_normal(net.blobs[blob].shape)
    net.forward()
    for blob in net.outputs:
        assert np.isfinite(net.blobs[blob].data).all()
        assert net.blobs[blob].data.any()
        net.blobs[blob].diff[...] = rng.standard_normal(net.blobs[blob].shape)
    net.backward()
    for item in net.learnable:
        gradient = item.blob.gradients.read(PLAIN)
        assert np.isfinite(gradient).all(), item.layer
        assert gradient.any(), item.layer
    assert all(net.blobs[blob].diff.any() for blob in net.inputs)
