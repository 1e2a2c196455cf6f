"""Arrays of ``.data`` and ``.diff`` are live: taken once, they are read and written for as long as the net lives.

Each test drives one net through references taken at the start and compares it with a net that nobody holds a
reference to, fetched afresh each time.
"""

from __future__ import annotations

import numpy as np
import pytest
from pycaffe_nets import copy_params, image_batch, label_batch

import netcli.pycaffe as caffe
from netcli.errors import RunError

BLOBS = ["data", "conv1", "pool1", "ip1", "ip2", "prob"]


def assert_same(found: np.ndarray, wanted: np.ndarray, what: str) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6, err_msg=what)


def fresh(deploy: str, like: caffe.Net) -> caffe.Net:
    net = caffe.Net(deploy, caffe.TEST)
    copy_params(like, net)
    return net


def top_gradient(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((5, 3)).astype(np.float32)


@pytest.mark.parametrize("taken", ["before the first pass", "after the first pass"])
def test_old_references_show_every_forward_pass(deploy, taken):
    net = caffe.Net(deploy, caffe.TEST)
    if taken == "after the first pass":
        net.forward(data=image_batch(9))
    held = {name: net.blobs[name].data for name in BLOBS}
    for seed in range(3):
        held["data"][...] = image_batch(seed)
        net.forward()
        other = fresh(deploy, net)
        other.forward(data=image_batch(seed))
        for name in BLOBS:
            assert_same(held[name], other.blobs[name].data, f"{name} after pass {seed}")


@pytest.mark.parametrize("name", ["conv1", "pool1", "ip1", "ip2"])
def test_old_references_of_middle_blobs_are_what_a_later_start_reads(deploy, name):
    net = caffe.Net(deploy, caffe.TEST)
    held = net.blobs[name].data
    after = {"conv1": "pool1", "pool1": "ip1", "ip1": "ip2", "ip2": "prob"}[name]
    for seed in range(3):
        net.forward(data=image_batch(seed))
        replaced = np.random.default_rng(seed).standard_normal(held.shape).astype(np.float32)
        held[...] = replaced
        net.forward(start=after)
        other = fresh(deploy, net)
        other.blobs[name].data[...] = replaced
        other.forward(start=after)
        assert_same(net.blobs["prob"].data, other.blobs["prob"].data, f"prob from {name}, round {seed}")


def test_writing_again_between_two_passes_from_the_middle_is_seen(deploy):
    net = caffe.Net(deploy, caffe.TEST)
    held = net.blobs["conv1"].data
    net.forward(data=image_batch(0))
    held *= 2
    twice = net.forward(start="pool1")["prob"].copy()
    held *= 0
    nothing = net.forward(start="pool1")["prob"].copy()
    bias = net.params["ip1"][1].data
    hidden = np.maximum(bias, 0)
    scores = net.params["ip2"][0].data @ hidden + net.params["ip2"][1].data
    wanted = np.exp(scores - scores.max())
    assert_same(nothing, np.tile(wanted / wanted.sum(), (5, 1)), "prob without any signal")
    assert np.abs(twice - nothing).max() > 1e-3


@pytest.mark.parametrize(("layer", "index"), [("conv1", 0), ("conv1", 1), ("ip1", 0), ("ip2", 1)])
def test_old_references_of_parameters_are_what_each_pass_reads(deploy, layer, index):
    net = caffe.Net(deploy, caffe.TEST)
    held = net.params[layer][index].data
    for seed in range(3):
        held += np.random.default_rng(seed).standard_normal(held.shape).astype(np.float32)
        net.forward(data=image_batch(seed))
        other = fresh(deploy, net)
        np.testing.assert_array_equal(other.params[layer][index].data, held)
        other.forward(data=image_batch(seed))
        assert_same(net.blobs["prob"].data, other.blobs["prob"].data, f"prob after change {seed}")


def test_old_references_of_gradients_are_read_and_written_by_every_backward_pass(deploy):
    net = caffe.Net(deploy, caffe.TEST)
    diffs = {name: net.blobs[name].diff for name in BLOBS}
    param_diffs = {name: [blob.diff for blob in blobs] for name, blobs in net.params.items()}
    for seed in range(3):
        net.forward(data=image_batch(seed))
        net.clear_param_diffs()
        assert all(not held.any() for blobs in param_diffs.values() for held in blobs)
        diffs["prob"][...] = top_gradient(seed)
        net.backward()
        other = fresh(deploy, net)
        other.forward(data=image_batch(seed))
        other.clear_param_diffs()
        other.backward(prob=top_gradient(seed))
        for name in BLOBS:
            assert_same(diffs[name], other.blobs[name].diff, f"diff of {name}, round {seed}")
        for name, held in param_diffs.items():
            for index, diff in enumerate(held):
                assert_same(diff, other.params[name][index].diff, f"diff of {name}[{index}], round {seed}")
        assert np.abs(diffs["data"]).max() > 0


def test_gradients_written_into_the_middle_are_where_a_later_start_goes_on(deploy):
    net = caffe.Net(deploy, caffe.TEST)
    held = net.blobs["pool1"].diff
    for seed in range(2):
        net.forward(data=image_batch(seed))
        net.backward(prob=top_gradient(seed))
        held[...] = np.random.default_rng(seed).standard_normal(held.shape)
        net.backward(start="pool1")
        other = fresh(deploy, net)
        other.forward(data=image_batch(seed))
        other.blobs["pool1"].diff[...] = held
        other.backward(start="pool1")
        assert_same(net.blobs["data"].diff, other.blobs["data"].diff, f"diff of data, round {seed}")


def test_parameter_gradients_in_old_references_add_up(deploy):
    net = caffe.Net(deploy, caffe.TEST)
    held = net.params["conv1"][0].diff
    net.forward(data=image_batch(0))
    net.clear_param_diffs()
    net.backward(prob=top_gradient(0))
    once = held.copy()
    net.backward(prob=top_gradient(0))
    assert_same(held, 2 * once, "two passes")
    held[...] = 1
    net.backward(prob=top_gradient(0))
    assert_same(held, 1 + once, "a pass on top of what the user wrote")


def test_returned_arrays_are_live_too(deploy):
    net = caffe.Net(deploy, caffe.TEST)
    first = net.forward(data=image_batch(0), blobs=["pool1"])
    kept = {name: array.copy() for name, array in first.items()}
    second = net.forward(data=image_batch(1), blobs=["pool1"])
    for name, array in first.items():
        assert np.shares_memory(array, second[name])
        np.testing.assert_array_equal(array, second[name])
        assert np.abs(array - kept[name]).max() > 1e-4


def test_an_array_survives_a_reshape_of_the_same_size_and_a_new_one_takes_over_otherwise(deploy):
    net = caffe.Net(deploy, caffe.TEST)
    held = net.blobs["data"].data
    net.blobs["data"].reshape(5, 2, 8, 8)
    held[...] = image_batch(4)
    net.forward()
    np.testing.assert_array_equal(net.blobs["data"].data, held)
    net.blobs["data"].reshape(2, 2, 8, 8)
    data, prob = net.blobs["data"].data, net.blobs["prob"].data
    for seed in range(2):
        data[...] = image_batch(seed)[:2]
        net.forward()
        assert net.blobs["prob"].data.shape == (2, 3)
        prob = net.blobs["prob"].data
        other = fresh(deploy, net)
        other.forward(data=image_batch(seed))
        assert_same(prob, other.blobs["prob"].data[:2], f"two of five, round {seed}")


def test_a_failing_pass_leaves_old_references_live(solver_file):
    net = caffe.Net("train_test.prototxt", caffe.TRAIN)
    data, label, scores = net.blobs["data"].data, net.blobs["label"].data, net.blobs["ip2"].data
    label[...] = 99
    data[...] = image_batch(0)
    with pytest.raises(RunError, match="label"):
        net.forward()
    label[...] = label_batch(0)
    data[...] = image_batch(1)
    net.forward()
    other = fresh("train_test.prototxt", net)
    other.forward(data=image_batch(1), label=label_batch(0))
    assert_same(scores, other.blobs["ip2"].data, "scores")
    assert_same(net.blobs["loss"].data, other.blobs["loss"].data, "loss")
