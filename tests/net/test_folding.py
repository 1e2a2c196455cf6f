"""A net that leaves out what its convolutions do along gives what the layers one by one give."""

from __future__ import annotations

import numpy as np
import pytest

from netcli.net.net import Net
from netcli.prototxt import NetSource
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb

NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: BATCH dim: 4 dim: 7 dim: 6 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 6 kernel_size: 3 pad: 1 weight_filler { type: "xavier" } } }
layer { name: "bn1" type: "BatchNorm" bottom: "conv1" top: "conv1" }
layer { name: "scale1" type: "Scale" bottom: "conv1" top: "conv1" scale_param { bias_term: true } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "conv2" type: "Convolution" bottom: "conv1" top: "conv2"
  convolution_param { num_output: 4 kernel_size: 1 group: 2 bias_term: false weight_filler { type: "xavier" } } }
layer { name: "bias2" type: "Bias" bottom: "conv2" top: "conv2" }
layer { name: "scale2" type: "Scale" bottom: "conv2" top: "conv2" }
layer { name: "deep" type: "DepthwiseConvolution" bottom: "conv2" top: "deep"
  convolution_param { kernel_size: 3 pad: 1 weight_filler { type: "xavier" } } }
layer { name: "deep_bn" type: "BatchNorm" bottom: "deep" top: "deep" }
layer { name: "deep_relu" type: "PReLU" bottom: "deep" top: "deep" }
layer { name: "conv3" type: "Convolution" bottom: "deep" top: "conv3"
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu3" type: "ReLU" bottom: "conv3" top: "conv3" relu_param { negative_slope: 0.1 } }
layer { name: "bn3" type: "BatchNorm" bottom: "conv3" top: "bn3" }
layer { name: "scale3" type: "Scale" bottom: "bn3" top: "bn3" scale_param { axis: 2 num_axes: 1 } }
"""
FOLDED = ["bn1", "scale1", "relu1", "bias2", "scale2", "deep_bn", "deep_relu", "relu3"]


def made(batch: int, *, forward_only: bool, share_with: Net | None = None) -> Net:
    source = NetSource.from_text(NET.replace("BATCH", str(batch)))
    net = Net(source, pb.TEST, seed=3, share_with=share_with, forward_only=forward_only)
    if share_with is None:
        draw_parameters(net, 5)
    return net


def draw_parameters(net: Net, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for blobs in net.params.values():
        for blob in blobs:
            blob.values.write(PLAIN)[...] = rng.uniform(0.5, 1.5, blob.shape)


def answer(net: Net) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    net.blobs["data"].values.write(PLAIN)[...] = rng.standard_normal(net.blobs["data"].shape)
    net.forward()
    return {name: blob.values.read(PLAIN).copy() for name, blob in net.blobs.items()}


def assert_same(mine: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for name, values in expected.items():
        scale = np.abs(values).max()
        np.testing.assert_allclose(mine[name], values, rtol=0, atol=2e-6 * scale, err_msg=name)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The layers that have run."""
    ran: list[str] = []
    run = Net._run_step
    monkeypatch.setattr(Net, "_run_step", lambda net, i, bound: (ran.append(bound.plan.name), run(net, i, bound)))
    return ran


@pytest.mark.parametrize("batch", [1, 17])
def test_what_is_folded_changes_nothing(batch: int, passes: list[str]) -> None:
    plain = made(batch, forward_only=False)
    expected = answer(plain)
    everything = passes.copy()
    passes.clear()
    assert_same(answer(made(batch, forward_only=True)), expected)
    assert passes == [name for name in everything if name not in FOLDED]


def test_new_parameters_count_in_the_next_pass() -> None:
    plain = made(1, forward_only=False)
    folded = made(1, forward_only=True, share_with=plain)
    before = answer(folded)
    assert_same(before, answer(plain))
    draw_parameters(plain, 6)
    after = answer(folded)
    assert_same(after, answer(plain))
    assert not np.allclose(after["bn3"], before["bn3"])


def test_another_batch_size() -> None:
    plain, folded = (made(1, forward_only=only) for only in (False, True))
    for net in (plain, folded):
        answer(net)
        net.blobs["data"].reshape((18, 4, 7, 6))
    assert_same(answer(folded), answer(plain))


def test_nothing_is_folded_where_somebody_looks(passes: list[str]) -> None:
    net = made(1, forward_only=True)
    whole = answer(net)
    passes.clear()
    net.forward(0, 1)
    net.forward(2)
    assert set(FOLDED) <= set(passes)
    assert_same({name: blob.values.read(PLAIN) for name, blob in net.blobs.items()}, whole)
    passes.clear()
    net.after_forward.append(lambda index: None)
    assert_same(answer(net), whole)
    assert set(FOLDED) <= set(passes)


def test_statistics_of_the_batch_are_not_folded(passes: list[str]) -> None:
    source = NetSource.from_text(NET.replace("BATCH", "2"))
    net = Net(source, pb.TRAIN, seed=3, forward_only=True)
    net.forward()
    assert [name for name in FOLDED if name not in passes] == ["bias2", "scale2", "relu3"]


def test_a_convolution_whose_outputs_are_not_the_channels_stays_as_it_is(passes: list[str]) -> None:
    text = NET.replace("kernel_size: 3 pad: 1", "kernel_size: 3 pad: 1 axis: 2").replace(
        "dim: 4 dim: 7", "dim: 6 dim: 7"
    )
    start = text.index('layer { name: "relu1"')
    net = Net(NetSource.from_text(text[:start].replace("BATCH", "2")), pb.TEST, seed=3, forward_only=True)
    net.forward()
    assert "bn1" in passes


BENDS = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: BATCH dim: 4 dim: 8 dim: 9 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 6 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" relu_param { negative_slope: 0.1 } }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "deep" type: "DepthwiseConvolution" bottom: "conv1" top: "deep"
  convolution_param { kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "deep_relu" type: "ReLU" bottom: "deep" top: "deep" }
layer { name: "conv2" type: "Convolution" bottom: "deep" top: "conv2"
  convolution_param { num_output: 6 kernel_size: 3 pad: 1 weight_filler { type: "xavier" } } }
layer { name: "prelu2" type: "PReLU" bottom: "conv2" top: "conv2" }
layer { name: "conv3" type: "Convolution" bottom: "conv2" top: "conv3"
  convolution_param { num_output: 3 kernel_size: 1 bias_term: false weight_filler { type: "xavier" } } }
layer { name: "bias3" type: "Bias" bottom: "conv3" top: "conv3" }
layer { name: "relu3" type: "ReLU" bottom: "conv3" top: "conv3" }
layer { name: "loss" type: "Reduction" bottom: "conv3" top: "loss" loss_weight: 1
  reduction_param { operation: SUMSQ } }
layer { name: "loss1" type: "Reduction" bottom: "pool1" top: "loss1" loss_weight: 0.3 }
"""


def trained_pair(text: str, batch: int, passes: list[str], slope: float | None = None) -> tuple[Net, Net]:
    """The same pass forward and backward of a net that runs each layer, and of one that may fold; what that ran."""
    source = NetSource.from_text(text.replace("BATCH", str(batch)))
    plain = Net(source, pb.TRAIN, seed=3)
    folded = Net(source, pb.TRAIN, seed=3, share_with=plain, keep_gradients=False)
    if slope is not None:
        plain.params["prelu2"][0].values.write(PLAIN)[...] = slope
    for net in (plain, folded):
        rng = np.random.default_rng(7)
        net.blobs["data"].values.write(PLAIN)[...] = rng.standard_normal(net.blobs["data"].shape)
        net.clear_param_diffs()
        passes.clear()
        net.forward()
        net.backward()
    return plain, folded


def assert_trained_alike(plain: Net, folded: Net) -> None:
    for name, blob in plain.blobs.items():
        np.testing.assert_array_equal(folded.blobs[name].values.read(PLAIN), blob.values.read(PLAIN), name)
    for name, params in plain.params.items():
        for mine, theirs in zip(folded.params[name], params, strict=True):
            gradient = theirs.gradients.read(PLAIN)
            assert gradient.any(), name
            # That of a slope is a sum of other products, which lead to the same.
            rtol = 1e-5 if folded.layer(name).done_along else 0
            np.testing.assert_allclose(mine.gradients.read(PLAIN), gradient, rtol=rtol, err_msg=name)


@pytest.mark.parametrize("batch", [1, 17])
@pytest.mark.parametrize("slope", [None, 0.3, 1.5])
@pytest.mark.parametrize("shared", [False, True])
def test_training_folds_what_bends(batch: int, slope: float | None, shared: bool, passes: list[str]) -> None:
    text = BENDS
    if shared:
        text = BENDS.replace(
            'top: "conv2" }\nlayer { name: "conv3"',
            'top: "conv2" prelu_param { channel_shared: true } }\nlayer { name: "conv3"',
        )
        assert text != BENDS
    plain, folded = trained_pair(text, batch, passes, slope)
    names = [step.name for step in plain.graph.steps]
    assert passes == [name for name in names if name not in ("relu1", "deep_relu", "prelu2")]
    assert_trained_alike(plain, folded)


@pytest.mark.parametrize("slope", [0.0, 1e-30, -0.2])
def test_a_slope_that_loses_the_sign_is_not_folded(slope: float, passes: list[str]) -> None:
    plain, folded = trained_pair(BENDS, 2, passes, slope)
    assert "prelu2" in passes
    assert_trained_alike(plain, folded)
    # As soon as it can be it is, and back again.
    for value, runs in ((0.2, False), (slope, True)):
        plain.params["prelu2"][0].values.write(PLAIN)[...] = value
        for net in (plain, folded):
            net.clear_param_diffs()
            passes.clear()
            net.forward()
            net.backward()
        assert ("prelu2" in passes) == runs
        assert_trained_alike(plain, folded)


def test_what_is_changed_in_place_later_is_not_folded(passes: list[str]) -> None:
    later = 'layer { name: "more" type: "Power" bottom: "conv2" top: "conv2" power_param { scale: -2 } }'
    text = BENDS.replace('layer { name: "conv3"', later + '\nlayer { name: "conv3"')
    plain, folded = trained_pair(text, 2, passes)
    assert "prelu2" in passes
    assert "relu1" not in passes
    assert_trained_alike(plain, folded)
