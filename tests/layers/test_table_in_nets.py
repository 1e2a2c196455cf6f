"""Every case of the layer table as a net of its own: ``netcli gradcheck`` raises no false alarm on any."""

from __future__ import annotations

import numpy as np
import pytest
from layer_case import LAYER_NAME, LayerCase
from layer_table import CASES

from netcli.net import Net
from netcli.net.gradient_check import Settings, check_net
from netcli.prototxt import NetSource
from netcli.schema import caffe_pb2 as pb

DIFFERENTIABLE = [case for case in CASES if case.bottoms and not case.not_differentiable]
NEEDS_POSITIVE_DATA = ("Log-plain", "Log-base10", "Power-root")


def net_of(case: LayerCase) -> Net:
    """The case's layer behind Input layers."""
    param = pb.NetParameter()
    for index, shape in enumerate(case.bottom_shapes()):
        source = param.layer.add(name=f"input{index}", type="Input", top=[f"b{index}"])
        source.input_param.shape.add(dim=shape)
    param.layer.add().CopyFrom(case.param())
    return Net(NetSource(param, None, None), case.phase, feeds=case.feeds, dtype=np.float64, seed=1)


@pytest.mark.parametrize("case", DIFFERENTIABLE, ids=lambda case: case.id)
def test_no_false_alarm(case: LayerCase) -> None:
    (result,) = check_net(net_of(case), Settings(samples=4), [LAYER_NAME])
    assert not result.findings()
    if case.id.startswith(NEEDS_POSITIVE_DATA):
        assert result.reason == "its values are not finite on random data"
    elif case.tops:
        reasons = [reason for reason in case.gradient_exceptions.values() if reason]
        assert [blob.reason for blob in result.blobs if blob.reason] == reasons
        assert any(blob.checked for blob in result.blobs)
