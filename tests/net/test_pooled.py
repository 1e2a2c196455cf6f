"""A convolution that does the work of the max pooling behind it gives what both give, without the blob between them."""

from __future__ import annotations

import numpy as np
import pytest

from netcli.layers.convolution.pooled.bands import bands_of, overlap
from netcli.layers.convolution.pooled.pooled_convolution import PooledConvolution
from netcli.layers.windows import Windows
from netcli.net.net import Net
from netcli.prototxt import NetSource
from netcli.runtime.blob import LANES, PLAIN, Blob
from netcli.runtime.jit import LANES as WIDTH
from netcli.runtime.threads import set_threads
from netcli.schema import caffe_pb2 as pb

FILLER = 'weight_filler { type: "xavier" } bias_filler { type: "gaussian" }'
INPUT = "dim: BATCH dim: 2 dim: 14 dim: 13"
TEXT = """
layer { name: "data" type: "Input" top: "data" top: "label"
  input_param { shape { INPUT } shape { dim: BATCH } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" convolution_param { CONV1 FILLER } }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1" pooling_param { POOL1 } }
layer { name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2"
  convolution_param { num_output: 18 kernel_size: 2 FILLER } }
layer { name: "pool2" type: "Pooling" bottom: "conv2" top: "pool2" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "scores" type: "InnerProduct" bottom: "pool2" top: "scores"
  inner_product_param { num_output: 3 FILLER } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "scores" bottom: "label" top: "loss" }
"""
PLAIN_CASE = "num_output: 5 kernel_size: 3", "kernel_size: 2 stride: 2"
CASES = {
    "plain": PLAIN_CASE,
    "no bias": ("num_output: 5 kernel_size: 3 bias_term: false", PLAIN_CASE[1]),
    "padded": ("num_output: 5 kernel_size: 5 pad: 2", "kernel_size: 2 stride: 2 pad: 1"),
    "columns and lanes": ("num_output: 50 kernel_size: 5", PLAIN_CASE[1]),
    "groups": ("num_output: 6 kernel_size: 3 group: 2", "kernel_h: 3 kernel_w: 2 stride_h: 3 stride_w: 2"),
    "gaps": ("num_output: 5 kernel_size: 2", "kernel_size: 2 stride: 3"),
    "a window beyond the image": ("num_output: 5 kernel_size: 2", "kernel_size: 1 stride: 4"),
    "few channels": ("num_output: 17 kernel_size: 4 stride: 2 pad: 1", PLAIN_CASE[1]),
}
BOTH_FORWARD = [("conv1", "forward"), ("conv2", "forward")]
BATCHES = [WIDTH, 2 * WIDTH + 1]


@pytest.fixture
def pooled_passes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The layers that have made a pass of both, and which."""
    passes: list[tuple[str, str]] = []

    def record(name: str) -> None:
        method = getattr(PooledConvolution, name)

        def recorded(self: PooledConvolution, *blobs: Blob) -> None:
            passes.append((self._convolution.name, name))
            method(self, *blobs)

        monkeypatch.setattr(PooledConvolution, name, recorded)

    record("forward")
    record("backward")
    return passes


def make(batch: int, conv1: str, pool1: str, text: str = TEXT, **settings: object) -> Net:
    for name, value in {
        "INPUT": INPUT, "CONV1": conv1, "POOL1": pool1, "FILLER": FILLER, "BATCH": str(batch)
    }.items():  # fmt: skip
        text = text.replace(name, value)
    net = Net(NetSource.from_text(text), settings.pop("phase", pb.TRAIN), seed=3, **settings)
    rng = np.random.default_rng(7)
    net.blobs["data"].values.write(PLAIN)[...] = rng.standard_normal(net.blobs["data"].shape)
    if "label" in net.blobs:
        net.blobs["label"].values.write(PLAIN)[...] = rng.integers(0, 3, batch)
    return net


def trained(net: Net) -> dict[str, np.ndarray]:
    """What a pass leaves: gradients of parameters, and all values."""
    net.clear_param_diffs()
    loss = net.forward()
    net.backward()
    found = {item.blob.name: item.blob.gradients.read(PLAIN).copy() for item in net.learnable}
    found |= {name: blob.values.read(PLAIN).copy() for name, blob in net.blobs.items()}
    return found | {"total": np.array(loss)}


def assert_same(mine: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert mine.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(mine[name], values, err_msg=name)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("case", CASES)
def test_training(case: str, batch: int, pooled_passes: list[tuple[str, str]]) -> None:
    """All bits are the same; twice, since gradients add up and positions are chosen anew."""
    whole, pooled = make(batch, *CASES[case]), make(batch, *CASES[case], keep_gradients=False)
    for _ in range(2):
        assert_same(trained(pooled), trained(whole))
    by_lanes = case not in ("columns and lanes", "groups")
    passes = [pass_ for pass_ in pooled_passes if pass_[0] == "conv1"]
    assert passes == [("conv1", "forward"), *[("conv1", "backward")] * by_lanes] * 2


@pytest.mark.parametrize(
    ("batch", "conv1", "pool1"),
    [
        (2, *PLAIN_CASE),
        (WIDTH, PLAIN_CASE[0], "kernel_size: 3 stride: 2"),
        (WIDTH, PLAIN_CASE[0], "kernel_size: 2 stride: 2 pool: AVE"),
        (WIDTH, "num_output: 32 kernel_size: 3 pad: 1", PLAIN_CASE[1]),
    ],
    ids=["few images", "overlapping windows", "means", "Winograd"],
)
def test_what_does_not_suit(batch: int, conv1: str, pool1: str, pooled_passes: list[tuple[str, str]]) -> None:
    text = TEXT.replace("INPUT", INPUT.replace("dim: 2 ", "dim: 32 "))
    whole, pooled = make(batch, conv1, pool1, text), make(batch, conv1, pool1, text, keep_gradients=False)
    assert_same(trained(pooled), trained(whole))
    assert not [pass_ for pass_ in pooled_passes if pass_[0] == "conv1"]


def test_who_looks_sees_each_layer(pooled_passes: list[tuple[str, str]]) -> None:
    whole, pooled = make(WIDTH, *PLAIN_CASE), make(WIDTH, *PLAIN_CASE, keep_gradients=False)
    seen: list[int] = []
    pooled.after_forward.append(seen.append)
    pooled.after_backward.append(seen.append)
    assert_same(trained(pooled), trained(whole))
    assert seen == [*range(7), *range(6, -1, -1)]
    pooled.after_forward.clear()
    pooled.after_backward.clear()
    pooled.debug = lambda line: None
    trained(pooled)
    pooled.debug = None
    pooled.forward(0, 3)
    pooled.forward(4, 6)
    assert not pooled_passes
    pooled.forward()
    assert pooled_passes == BOTH_FORWARD


def test_backward_of_a_part() -> None:
    whole, pooled = make(WIDTH, *PLAIN_CASE), make(WIDTH, *PLAIN_CASE, keep_gradients=False)
    for net in (whole, pooled):
        net.clear_param_diffs()
        net.forward()
        net.backward(None, 2)
        net.backward(1)
    for mine, theirs in zip(pooled.learnable, whole.learnable, strict=True):
        np.testing.assert_array_equal(mine.blob.gradients.read(PLAIN), theirs.blob.gradients.read(PLAIN))


def test_the_blob_between_is_made_when_it_is_read(pooled_passes: list[tuple[str, str]]) -> None:
    pooled = make(WIDTH, *PLAIN_CASE, keep_gradients=False)
    pooled.forward()
    between = pooled.blobs["conv1"].values
    assert between.allocated_bytes == 0
    assert between.read(LANES).any()
    assert between.read(LANES) is between.read(LANES)
    held = pooled.blobs["conv1"].data
    held[...] = 0
    pooled.forward()
    assert held.any()
    assert pooled_passes == BOTH_FORWARD * 2


def test_frozen_weights(pooled_passes: list[tuple[str, str]]) -> None:
    text = TEXT.replace('name: "conv1"', 'name: "conv1" param { lr_mult: 0 }')
    whole, pooled = make(WIDTH, *PLAIN_CASE, text), make(WIDTH, *PLAIN_CASE, text, keep_gradients=False)
    assert_same(trained(pooled), trained(whole))
    assert pooled_passes == BOTH_FORWARD


def test_two_readers_of_the_blob_between(pooled_passes: list[tuple[str, str]]) -> None:
    text = TEXT + 'layer { name: "other" type: "Reduction" bottom: "conv1" top: "other" loss_weight: 0.1 }'
    whole, pooled = make(WIDTH, *PLAIN_CASE, text), make(WIDTH, *PLAIN_CASE, text, keep_gradients=False)
    assert_same(trained(pooled), trained(whole))
    assert pooled_passes == BOTH_FORWARD[1:]


def test_a_batch_of_another_size(pooled_passes: list[tuple[str, str]]) -> None:
    whole, pooled = make(WIDTH, *PLAIN_CASE), make(WIDTH, *PLAIN_CASE, keep_gradients=False)
    for batch in (2 * WIDTH, 2, WIDTH):
        for net in (whole, pooled):
            net.blobs["data"].reshape((batch, 2, 14, 13))
            net.blobs["label"].reshape((batch,))
            net.blobs["data"].values.write(PLAIN)[...] = np.random.default_rng(batch).standard_normal(
                (batch, 2, 14, 13)
            )
            net.blobs["label"].values.write(PLAIN)[...] = 1
        assert_same(trained(pooled), trained(whole))
    assert pooled_passes == [*BOTH_FORWARD, ("conv1", "backward")] * 2


def test_a_net_that_only_goes_forward(pooled_passes: list[tuple[str, str]]) -> None:
    """ReLU is bent into the sums before the largest are chosen."""
    text = TEXT.replace(
        'layer { name: "pool1"',
        'layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }\nlayer { name: "pool1"',
    )
    nets = [make(WIDTH, *PLAIN_CASE, text, phase=pb.TEST, forward_only=only) for only in (False, True)]
    for net in nets:
        net.forward()
    for name, blob in nets[0].blobs.items():
        np.testing.assert_array_equal(nets[1].blobs[name].values.read(PLAIN), blob.values.read(PLAIN), err_msg=name)
    assert pooled_passes == BOTH_FORWARD


def test_a_nan_is_the_largest_value(pooled_passes: list[tuple[str, str]]) -> None:
    whole, pooled = make(WIDTH, *PLAIN_CASE), make(WIDTH, *PLAIN_CASE, keep_gradients=False)
    for net in (whole, pooled):
        net.blobs["data"].values.update(PLAIN)[0, 0, 5, 5] = np.nan
        net.run_forward(0, None)
    found = pooled.blobs["pool1"].values.read(PLAIN)
    np.testing.assert_array_equal(found, whole.blobs["pool1"].values.read(PLAIN))
    assert np.isnan(found[0]).any()
    assert not np.isnan(found[1:]).any()
    assert pooled_passes


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    import numba

    results = []
    for threads in (1, numba.config.NUMBA_NUM_THREADS):
        set_threads(threads)
        results.append(trained(make(2 * WIDTH, *PLAIN_CASE, keep_gradients=False)))
    assert_same(*results)


def test_bands() -> None:
    windows = Windows((7, 5), (3, 2), (2, 2), (3, 3), (1, 1), (1, 1))
    bands = bands_of(windows)
    assert [(band.first, band.end, band.first_window, band.end_window) for band in bands] == [
        (0, 5, 0, 2), (10, 20, 2, 4), (25, 35, 4, 6)
    ]  # fmt: skip
    assert not overlap(bands)
    assert overlap(bands_of(Windows((5, 5), (2, 2), (3, 3), (2, 2), (0, 0), (1, 1))))
