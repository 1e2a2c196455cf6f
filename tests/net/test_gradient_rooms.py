"""Gradients that take turns in the same memory: which, and that training does not notice."""

import math

import numpy as np
import pytest
from net_texts import graph_of, input_layer, net_source

from netcli.net import Net
from netcli.net.gradient_rooms import gradient_rooms
from netcli.report.divergence import divergence_text
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb
from netcli.solver.divergence import find_cause

PRELUS = ("ra", "rc")


def layer(name, kind, bottoms, settings="", top=None):
    links = "".join(f' bottom: "{bottom}"' for bottom in bottoms)
    return f'layer {{ name: "{name}" type: "{kind}"{links} top: "{top or name}" {settings} }}\n'


def conv(name, bottom, outputs):
    filler = 'weight_filler { type: "msra" } bias_filler { type: "constant" value: 0.1 }'
    settings = f"convolution_param {{ num_output: {outputs} kernel_size: 3 pad: 1 {filler} }}"
    return layer(name, "Convolution", [bottom], settings)


def residual_net(batch):
    """Two convolutions in a chain, a shortcut past two more, an inner product and a loss; activations in place."""
    filler = 'inner_product_param { num_output: 3 weight_filler { type: "xavier" } }'
    return (
        input_layer("x", batch, 2, 6, 6)
        + input_layer("label", batch)
        + conv("a", "x", 4)
        + layer("ra", "PReLU", ["a"], top="a")
        + conv("b", "a", 8)
        + layer("rb", "ReLU", ["b"], top="b")
        + conv("c", "b", 8)
        + layer("rc", "PReLU", ["c"], top="c")
        + conv("d", "c", 8)
        + layer("sum", "Eltwise", ["b", "d"])
        + layer("pool", "Pooling", ["sum"], "pooling_param { kernel_size: 2 stride: 2 }")
        + layer("scores", "InnerProduct", ["pool"], filler)
        + layer("loss", "SoftmaxWithLoss", ["scores", "label"])
    )


def trained(text, *, keep_gradients, batches=(None, None, None)):
    """The net after an iteration for each of ``batches``, with as many images as it says or as before.

    Slopes stay as they are: their gradients may differ by rounding, and so would all values in the next iteration.
    """
    net = Net(net_source(text), pb.TRAIN, seed=1, keep_gradients=keep_gradients)
    generator = np.random.default_rng(0)
    for images in batches:
        for name in net.inputs:
            if images is not None:
                net.blobs[name].reshape((images, *net.blobs[name].shape[1:]))
            shape = net.blobs[name].shape
            values = generator.integers(0, 3, shape) if name == "label" else generator.standard_normal(shape)
            net.blobs[name].values.write(PLAIN)[...] = values
        net.clear_param_diffs()
        net.forward()
        net.backward()
        for item in net.learnable:
            if item.layer not in PRELUS:
                item.blob.values.update(PLAIN)[...] -= 0.1 * item.blob.gradients.read(PLAIN)
    return net


def assert_trained_alike(kept, shared):
    """To the last bit, but for slopes of a PReLU that a convolution does along: sums of other products lead to them."""
    for mine, other in zip(kept.learnable, shared.learnable, strict=True):
        np.testing.assert_array_equal(mine.blob.values.read(PLAIN), other.blob.values.read(PLAIN))
        rtol = 1e-5 if mine.layer in PRELUS else 0
        np.testing.assert_allclose(mine.blob.gradients.read(PLAIN), other.blob.gradients.read(PLAIN), rtol=rtol)


def memories(net):
    """Bytes by the memory that gradients of blobs stand in."""
    found = {}
    for blob in net.blobs.values():
        for array in blob.gradients._arrays.values():
            base = array
            while isinstance(base.base, np.ndarray):
                base = base.base
            found[id(base)] = base.nbytes
    return found


def rooms_of(text):
    graph = graph_of(text)
    return gradient_rooms(graph.steps, graph.shapes)


def test_a_gradient_is_done_with_once_the_layer_that_made_the_blob_has_run_backward():
    assert rooms_of(residual_net(16)) == [
        ["scores", "sum", "c", "b"],
        ["pool", "b_rb_0_split_1"],
        ["d", "b_rb_0_split_0", "a"],
    ]


def named(rooms):
    return {name for names in rooms for name in names}


def test_gradients_that_are_read_but_never_written_stay_as_they_are():
    text = residual_net(16).replace('top: "sum"', 'top: "sum" propagate_down: true propagate_down: false')
    assert named(rooms_of(text)) == {"scores", "pool", "sum", "b_rb_0_split_1", "b", "a"}


def test_the_weight_of_a_loss_is_never_overwritten():
    text = residual_net(16).replace('top: "pool"', 'top: "pool" loss_weight: 0.5')
    rooms = rooms_of(text)
    assert "pool_pool_0_split_1" in named(rooms)
    assert "pool_pool_0_split_0" not in named(rooms)


def test_user_code_keeps_its_blobs():
    graph = graph_of(residual_net(16))
    next(step for step in graph.steps if step.name == "pool").layer.type_name = "Python"
    assert named(gradient_rooms(graph.steps, graph.shapes)).isdisjoint({"sum", "pool"})


@pytest.mark.parametrize("batch", [16, 5, 13])
def test_training_does_not_notice(batch):
    kept, shared = (trained(residual_net(batch), keep_gradients=keeps) for keeps in (True, False))
    assert_trained_alike(kept, shared)
    assert sum(memories(shared).values()) < 0.75 * sum(memories(kept).values())


def test_nor_does_it_when_shapes_change():
    batches = (16, 5, 32, 16)
    kept, shared = (trained(residual_net(16), keep_gradients=keeps, batches=batches) for keeps in (True, False))
    assert_trained_alike(kept, shared)
    assert not any(blob.gradients.takes_turns for blob in shared.blobs.values())


def test_what_has_been_overwritten_is_not_told_of_a_diverging_run():
    event = find_cause(trained(residual_net(16), keep_gradients=False), 3, 0.1, math.inf)
    told = {(summary.layer, summary.blob): summary.diff for summary in event.blobs}
    assert told["c", "c"] is None
    assert told["c", "param 0"].max > 0
    row = next(line.split() for line in divergence_text(event).splitlines() if line.startswith("sum "))
    assert row[-4:] == ["-"] * 4
