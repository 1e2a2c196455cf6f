"""A net that runs: gradients, sharing, reshaping, weights, debug lines, and no allocation once it is warm."""

import tracemalloc

import numpy as np
import pytest
from net_texts import input_layer, net_source

from netcli.errors import ConfigError, RunError
from netcli.net import Net
from netcli.net.weights import load_weights, stored_net
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb
from netcli.schema.arrays import array_to_blob

DATA = input_layer("x", 6, 4) + input_layer("label", 6)


def ip(name, bottom, outputs=3, extra=""):
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{name}" {extra}'
        f' inner_product_param {{ num_output: {outputs} weight_filler {{ type: "xavier" }} }} }}\n'
    )


def relu(name, bottom, top=None):
    return f'layer {{ name: "{name}" type: "ReLU" bottom: "{bottom}" top: "{top or bottom}" }}\n'


def loss(bottom, extra=""):
    return f'layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "{bottom}" bottom: "label" top: "loss" {extra} }}\n'


SMALL = DATA + ip("a", "x", 5) + relu("r", "a") + ip("b", "a") + loss("b")


def make(text, phase=pb.TRAIN, **keywords):
    net = Net(net_source(text), phase, seed=1, **keywords)
    generator = np.random.default_rng(0)
    if "x" in net.blobs:
        net.blobs["x"].data[...] = generator.standard_normal(net.blobs["x"].shape)
    if "label" in net.blobs:
        net.blobs["label"].data[...] = generator.integers(0, 3, net.blobs["label"].shape)
    return net


def numeric_gradient(net, blob, step=1e-6):
    gradient = np.zeros(blob.shape)
    flat, values = gradient.reshape(-1), blob.data.reshape(-1)
    for i in range(values.size):
        kept = values[i]
        values[i] = kept + step
        above = net.forward()
        values[i] = kept - step
        below = net.forward()
        values[i] = kept
        flat[i] = (above - below) / (2 * step)
    return gradient


@pytest.mark.parametrize(
    "text",
    [
        SMALL,
        DATA + ip("a", "x", 5) + relu("r", "a", "ra") + ip("b", "ra") + ip("c", "a") + loss("b")
        + 'layer { name: "two" type: "SoftmaxWithLoss" bottom: "c" bottom: "label" top: "two" loss_weight: 0.3 }',
        DATA + ip("a", "x", 4, 'param { name: "w" } param { name: "b" }')
        + ip("b", "a", 4, 'param { name: "w" } param { name: "b" }') + loss("b"),
        DATA + ip("a", "x", 4, 'param { name: "w" share_mode: PERMISSIVE }')
        + ip("b", "a", 4, 'param { name: "w" share_mode: PERMISSIVE }') + loss("b"),
    ],
    ids=["chain", "two losses over a split", "shared parameters", "permissive sharing"],
)  # fmt: skip
def test_parameter_gradients_are_those_of_the_loss(text):
    net = make(text, dtype=np.float64)
    net.clear_param_diffs()
    net.forward()
    net.backward()
    for item in net.learnable:
        analytic = item.blob.diff.copy()
        np.testing.assert_allclose(analytic, numeric_gradient(net, item.blob), rtol=1e-5, atol=1e-8)


def test_gradients_that_are_known_to_be_zero_are_cleared_no_more():
    net = make(SMALL)
    gradients = net.params["b"][0].gradients
    stamp = gradients.stamp
    net.clear_param_diffs()
    assert gradients.stamp == stamp, "fresh memory is zero"
    net.forward()
    net.backward()
    assert gradients.read(PLAIN).any()
    net.clear_param_diffs()
    assert gradients.stamp != stamp
    assert not gradients.read(PLAIN).any()
    held = net.params["b"][0].diff
    for _ in range(2):
        net.param_diffs_are_zero()
        held[...] = 1
        net.clear_param_diffs()
        assert not held.any(), "what a user holds may be written at any time"


def test_gradients_add_up_until_they_are_cleared():
    net = make(SMALL)
    net.clear_param_diffs()
    net.forward()
    net.backward()
    once = net.params["b"][0].diff.copy()
    net.forward()
    net.backward()
    np.testing.assert_allclose(net.params["b"][0].diff, 2 * once, rtol=1e-6)
    net.clear_param_diffs()
    assert not net.params["b"][0].diff.any()


def test_the_same_seed_fills_the_same_weights_and_another_does_not():
    first, second = make(SMALL), make(SMALL)
    np.testing.assert_array_equal(first.params["a"][0].data, second.params["a"][0].data)
    third = Net(net_source(SMALL), pb.TRAIN, seed=2)
    assert (first.params["a"][0].data != third.params["a"][0].data).any()


def test_a_test_net_uses_the_training_nets_parameters():
    net = make(SMALL)
    twin = make(SMALL, pb.TEST, share_with=net)
    assert twin.forward() == net.forward()
    net.params["a"][0].data[...] += 1
    assert twin.forward() == net.forward()


def test_sharing_with_a_net_of_other_shapes_is_refused():
    net = make(SMALL)
    other = SMALL.replace("num_output: 5", "num_output: 7")
    with pytest.raises(RunError, match=r"layer 'a' \(InnerProduct\).*expected \[\(5, 4\), \(5,\)\].*NC455"):
        make(other, share_with=net)


def test_the_batch_can_change_between_passes():
    net = make(SMALL)
    net.blobs["x"].reshape((17, 4))
    net.blobs["label"].reshape((17,))
    net.blobs["x"].data[...] = 1
    net.blobs["label"].data[...] = 2
    net.forward()
    net.backward()
    assert net.blobs["b"].shape == (17, 3)


def test_an_input_that_would_change_the_weights_is_refused():
    net = make(SMALL)
    net.blobs["x"].reshape((6, 9))
    with pytest.raises(ConfigError, match=r"layer 'a' .*would change the layer's parameters.*NC131"):
        net.forward()


def test_outputs_are_the_blobs_that_nobody_reads():
    net = make(DATA + ip("a", "x", 5) + ip("b", "x"))
    assert net.outputs == ["a", "b", "label"]
    assert net.inputs == ["x", "label"]


def test_a_loss_without_a_top_gets_one():
    net = make(DATA + ip("a", "x") + loss("a").replace('top: "loss"', ""))
    assert net.forward() == pytest.approx(float(net.blobs["loss"].data))


def test_the_loss_is_weighted():
    net, doubled = make(SMALL), make(SMALL.replace('top: "loss"', 'top: "loss" loss_weight: 2'))
    assert doubled.forward() == pytest.approx(2 * net.forward())
    for each in (net, doubled):
        each.clear_param_diffs()
        each.backward()
    np.testing.assert_allclose(doubled.params["a"][0].diff, 2 * net.params["a"][0].diff, rtol=1e-5)


def test_a_warm_net_allocates_no_arrays():
    net = make(SMALL)
    for _ in range(2):
        net.clear_param_diffs()
        net.forward()
        net.backward()
    tracemalloc.start()
    try:
        before = tracemalloc.take_snapshot()
        for _ in range(3):
            net.clear_param_diffs()
            net.forward()
            net.backward()
        after = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    grown = after.filter_traces([arrays]).compare_to(before.filter_traces([arrays]), "lineno")
    assert not [stat for stat in grown if stat.size_diff > 0]


def test_debug_info_names_every_blob():
    net = make(SMALL)
    lines = []
    net.debug = lines.append
    net.clear_param_diffs()
    net.forward()
    net.backward()
    mean = np.abs(net.blobs["a"].data).mean()
    assert f"    [Forward] Layer r, top blob a data: {mean:.6g}" in lines
    heads = [line.split(" data: ")[0].split(" diff: ")[0].strip() for line in lines[:-1]]
    assert heads == [
        "[Forward] Layer x, top blob x",
        "[Forward] Layer label, top blob label",
        "[Forward] Layer a, top blob a",
        "[Forward] Layer a, param blob 0",
        "[Forward] Layer a, param blob 1",
        "[Forward] Layer r, top blob a",
        "[Forward] Layer b, top blob b",
        "[Forward] Layer b, param blob 0",
        "[Forward] Layer b, param blob 1",
        "[Forward] Layer loss, top blob loss",
        "[Backward] Layer loss, bottom blob b",
        "[Backward] Layer b, bottom blob a",
        "[Backward] Layer b, param blob 0",
        "[Backward] Layer b, param blob 1",
        "[Backward] Layer r, bottom blob a",
        "[Backward] Layer a, param blob 0",
        "[Backward] Layer a, param blob 1",
    ]
    assert lines[-1].startswith("    [Backward] All net params (data, diff): L1 norm = (")


def test_weights_go_round():
    net, other = make(SMALL), Net(net_source(SMALL), pb.TRAIN, seed=2)
    report = load_weights(other, stored_net(net), "a.caffemodel")
    assert report.loaded == ["a", "b"]
    for name in ("a", "b"):
        for mine, theirs in zip(net.params[name], other.params[name], strict=True):
            np.testing.assert_array_equal(mine.data, theirs.data)


def test_weights_by_name_with_legacy_shapes():
    net = make(SMALL)
    stored = pb.NetParameter()
    layer = stored.layer.add(name="b")
    for array, dims in ((np.arange(15.0), (1, 1, 3, 5)), (np.ones(3), (1, 1, 1, 3))):
        blob = layer.blobs.add()
        blob.num, blob.channels, blob.height, blob.width = dims
        blob.data.extend(array)
    stored.layer.add(name="elsewhere").blobs.append(array_to_blob(np.ones(2, np.float32)))
    report = load_weights(net, stored, "old.caffemodel")
    assert (report.reshaped, report.not_in_file, report.not_in_net) == (["b"], ["a"], ["elsewhere"])
    np.testing.assert_array_equal(net.params["b"][0].data, np.arange(15.0).reshape(3, 5))


def test_weights_that_do_not_fit_are_refused_with_both_shapes():
    net = make(SMALL)
    stored = stored_net(make(SMALL.replace("num_output: 5", "num_output: 7")))
    with pytest.raises(RunError, match=r"layer 'a'.*expected \(5, 4\), actual \(7, 4\) in w\.caffemodel.*NC453"):
        load_weights(net, stored, "w.caffemodel")
    del stored.layer[2].blobs[1]
    with pytest.raises(RunError, match=r"another number of blobs, expected 2, actual 1 in w.*NC452"):
        load_weights(net, stored, "w.caffemodel")
    with pytest.raises(RunError, match=r"no layer of w\.caffemodel has the name of a layer.*NC454"):
        load_weights(net, pb.NetParameter(), "w.caffemodel")


def test_frozen_parameters_get_no_gradient():
    net = make(SMALL.replace('top: "b"', 'top: "b" param { lr_mult: 0 } param { lr_mult: 0 }'))
    net.clear_param_diffs()
    net.forward()
    net.backward()
    assert not net.params["b"][0].diff.any()
    assert not net.params["b"][1].diff.any()
    assert net.params["a"][0].diff.any()
