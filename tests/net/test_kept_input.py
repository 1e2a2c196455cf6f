"""What layers in place keep of their input: for a backward pass, and only where there is one."""

import numpy as np
import pytest
from net_texts import input_layer, net_source

from netcli.net import Net
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb

IN_PLACE = ("PReLU", "Swish", "Scale", "BatchNorm", "MVN")


def values_of(kind, top, *, backward, phase=pb.TRAIN):
    """What the net's layer makes of numbers, and the layer."""
    force = "force_backward: true " if backward else ""
    text = f'{force}{input_layer("x", 16, 3, 2)}layer {{ name: "l" type: "{kind}" bottom: "x" top: "{top}" }}'
    net = Net(net_source(text), phase, seed=1)
    net.blobs["x"].values.write(PLAIN)[...] = np.random.default_rng(0).standard_normal((16, 3, 2))
    net.forward()
    return net.blobs[top].values.read(PLAIN).copy(), net.layer("l")


@pytest.mark.parametrize("kind", IN_PLACE)
def test_nothing_is_kept_where_no_pass_leads_back(kind):
    beside, _ = values_of(kind, "y", backward=True)
    for backward in (False, True):
        inside, layer = values_of(kind, "x", backward=backward)
        np.testing.assert_array_equal(inside, beside)
        assert (layer._input._copy is not None) == backward
        assert layer.kept_shapes([(16, 3, 2)], [(16, 3, 2)]) == [(16, 3, 2)] * backward
