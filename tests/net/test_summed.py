"""A convolution that adds another blob to its result gives what the layers one by one give."""

from __future__ import annotations

import numpy as np
import pytest

from netcli.layers.convolution.summed import SummedConvolution
from netcli.net.net import Net
from netcli.prototxt import NetSource
from netcli.runtime.blob import PLAIN, Blob
from netcli.runtime.jit import LANES as WIDTH
from netcli.schema import caffe_pb2 as pb

FILLER = 'weight_filler { type: "xavier" } bias_filler { type: "gaussian" }'
BLOCK = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: BATCH dim: 4 dim: 6 dim: 5 } } }
layer { name: "first" type: "Convolution" bottom: "data" top: "first"
  convolution_param { num_output: 6 kernel_size: 1 FILLER } }
layer { name: "relu" type: "ReLU" bottom: "first" top: "first" }
layer { name: "conv" type: "Convolution" bottom: "first" top: "conv" convolution_param { CONV FILLER } }
layer { name: "norm" type: "BatchNorm" bottom: "conv" top: "conv" }
layer { name: "scale" type: "Scale" bottom: "conv" top: "conv" scale_param { bias_term: true } }
layer { name: "sum" type: "Eltwise" bottom: "first" bottom: "conv" top: "sum" }
layer { name: "bend" type: "ReLU" bottom: "sum" top: "sum" relu_param { negative_slope: 0.2 } }
layer { name: "last" type: "Pooling" bottom: "sum" top: "last" pooling_param { pool: AVE global_pooling: true } }
"""
POINTWISE, WINDOW = "num_output: 6 kernel_size: 1", "num_output: 6 kernel_size: 3 pad: 1"
PRELU = BLOCK.replace(
    'type: "ReLU" bottom: "sum" top: "sum" relu_param { negative_slope: 0.2 }', 'type: "PReLU" bottom: "sum" top: "sum"'
)
OWN_TOP = BLOCK.replace('bottom: "sum" top: "sum"', 'bottom: "sum" top: "bent"')
TURNED = BLOCK.replace('bottom: "first" bottom: "conv"', 'bottom: "conv" bottom: "first"')


@pytest.fixture
def sums(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The convolutions that have added."""
    made: list[str] = []
    forward = SummedConvolution.forward

    def recorded(self: SummedConvolution, bottom: Blob, other: Blob, top: Blob) -> None:
        made.append(self._convolution.name)
        forward(self, bottom, other, top)

    monkeypatch.setattr(SummedConvolution, "forward", recorded)
    return made


def make(text: str, batch: int, conv: str = POINTWISE, *, forward_only: bool = True) -> Net:
    text = text.replace("CONV", conv).replace("FILLER", FILLER).replace("BATCH", str(batch))
    net = Net(NetSource.from_text(text), pb.TEST, seed=3, forward_only=forward_only)
    rng = np.random.default_rng(5)
    for blobs in net.params.values():
        for blob in blobs:
            blob.values.write(PLAIN)[...] = rng.uniform(-0.5, 1.5, blob.shape)
    for stored in net.params.get("norm", []):
        stored.values.write(PLAIN)[...] = rng.uniform(0.5, 1.5, stored.shape)
    net.blobs["data"].values.write(PLAIN)[...] = rng.standard_normal(net.blobs["data"].shape)
    return net


def values(net: Net) -> dict[str, np.ndarray]:
    net.forward()
    return {name: blob.values.read(PLAIN).copy() for name, blob in net.blobs.items()}


def assert_as_one_by_one(text: str, batch: int, conv: str = POINTWISE) -> None:
    mine, expected = (values(make(text, batch, conv, forward_only=only)) for only in (True, False))
    for name, array in expected.items():
        np.testing.assert_allclose(mine[name], array, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("text", [BLOCK, TURNED, PRELU, OWN_TOP], ids=["ReLU", "turned", "PReLU", "a top of its own"])
@pytest.mark.parametrize(
    ("batch", "conv", "adds"),
    [
        (WIDTH, POINTWISE, True),
        (WIDTH + 1, f"{POINTWISE} group: 2", True),
        (WIDTH, f"{WINDOW} engine: CAFFE", True),
        (1, POINTWISE, True),
        (1, WINDOW, False),
    ],
    ids=["lanes", "groups", "windows", "positions", "tiles"],
)
def test_values(text: str, batch: int, conv: str, adds: bool, sums: list[str]) -> None:
    if batch == 1:
        text = text.replace("dim: 6 dim: 5", f"dim: {WIDTH} dim: 5")
    assert_as_one_by_one(text, batch, conv)
    assert sums == ["conv"] * adds


NOT_ADDED = {
    "coefficients": ('top: "sum" }\n', 'top: "sum" eltwise_param { coeff: 1 coeff: -1 } }\n'),
    "maximum": ('top: "sum" }\n', 'top: "sum" eltwise_param { operation: MAX } }\n'),
    "bent before": ("layer { SUM", 'layer { name: "early" type: "ReLU" bottom: "conv" top: "conv" }\nlayer { SUM'),
    "two readers": ("layer { SUM", 'layer { name: "other" type: "Power" bottom: "conv" top: "other" }\nlayer { SUM'),
    "twice the same": ('bottom: "first" bottom: "conv"', 'bottom: "conv" bottom: "conv"'),
    "three": ('bottom: "first" bottom: "conv"', 'bottom: "first" bottom: "conv" bottom: "first"'),
    "the other comes later": (
        'layer { SUM bottom: "first"',
        """layer { name: "later" type: "Convolution" bottom: "data" top: "later"
             convolution_param { num_output: 6 kernel_size: 1 FILLER } }
           layer { name: "relu later" type: "ReLU" bottom: "later" top: "later" }
           layer { SUM bottom: "later" """,
    ),
}


@pytest.mark.parametrize("reason", NOT_ADDED)
def test_what_is_not_added(reason: str, sums: list[str]) -> None:
    before, after = (part.replace("SUM", 'name: "sum" type: "Eltwise"') for part in NOT_ADDED[reason])
    assert before in BLOCK
    assert_as_one_by_one(BLOCK.replace(before, after), WIDTH)
    assert "conv" not in sums


def test_who_looks_sees_each_layer(sums: list[str]) -> None:
    net, seen = make(BLOCK, WIDTH), []
    net.before_forward.append(seen.append)
    net.forward()
    assert seen == list(range(len(net.layers)))
    assert not sums


def test_slopes_follow_their_parameter() -> None:
    net = make(PRELU, WIDTH)
    net.forward()
    net.params["bend"][0].values.write(PLAIN)[...] = 0
    net.forward()
    assert net.blobs["sum"].values.read(PLAIN).min() == 0


def test_a_training_net_does_not_add(sums: list[str]) -> None:
    text = BLOCK.replace("CONV", POINTWISE).replace("FILLER", FILLER).replace("BATCH", str(WIDTH))
    Net(NetSource.from_text(text), pb.TRAIN, keep_gradients=False).forward()
    assert not sums
