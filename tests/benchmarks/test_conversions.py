"""In training, layouts change only where data enter and where somebody reads a blob."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from zoo import ZOO, without_dropout

from netcli.net.net import Net
from netcli.prototxt import load_net
from netcli.runtime.blob import PLAIN
from netcli.runtime.cpu import lane_count
from netcli.schema import caffe_pb2 as pb

SMALL_SIDE = 64
"""Of the input of the nets that would take long at their own size; layouts do not depend on it."""


def small_net(name: str, path: Path) -> Net:
    """The net at a full group of lanes, in TRAIN."""
    param = text_format.Parse(without_dropout(ZOO[name](lane_count())), pb.NetParameter())
    shape = param.layer[0].input_param.shape[0]
    if shape.dim[2] > 2 * SMALL_SIDE:
        shape.dim[2:] = [SMALL_SIDE, SMALL_SIDE]
    for layer in param.layer:
        if layer.pooling_param.pool == pb.PoolingParameter.AVE and layer.type == "Pooling":
            layer.pooling_param.CopyFrom(pb.PoolingParameter(pool="AVE", global_pooling=True))
    path.write_text(text_format.MessageToString(param))
    net = Net(load_net(path), pb.TRAIN, seed=1)
    net.blobs["label"].values.write(PLAIN)[...] = 0
    return net


def conversions(net: Net) -> dict[str, int]:
    """How often each blob has changed its layout so far, values and gradients."""
    counts = {name: blob.values.conversions + blob.gradients.conversions for name, blob in net.blobs.items()}
    for layer, params in net.params.items():
        parts = {
            f"{layer} {i}": param.values.conversions + param.gradients.conversions for i, param in enumerate(params)
        }
        counts.update(parts)
    return counts


@pytest.mark.parametrize("name", ["lenet", "sphereface20", "googlenet", "resnet50"])
def test_only_the_data_are_brought_into_lanes(name: str, tmp_path: Path) -> None:
    net = small_net(name, tmp_path / "net.prototxt")
    data = np.random.default_rng(0).standard_normal(net.blobs["data"].shape, np.float32)
    before: dict[str, int] = {}
    for _ in range(2):
        before = conversions(net)
        net.blobs["data"].values.write(PLAIN)[...] = data
        net.clear_param_diffs()
        net.forward()
        net.backward()
    changed = {blob: count - before[blob] for blob, count in conversions(net).items() if count != before[blob]}
    assert sum(changed.values()) == 1, changed
    assert next(iter(changed)).startswith("data")
