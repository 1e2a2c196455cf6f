"""The deployed form of nets: what stays, what goes, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from netcli.convert.deploy import Deployed, deployed
from netcli.errors import RunError
from netcli.net import Net, build_graph
from netcli.net.weights import load_weights, stored_net
from netcli.prototxt import NetSource
from netcli.schema import caffe_pb2 as pb

DATA = """layer { name: "data" type: "DummyData" top: "data" top: "label" include { phase: TEST }
        transform_param { scale: 0.5 mean_value: 3 }
        dummy_data_param { shape { dim: 4 dim: 3 dim: 2 dim: 2 } shape { dim: 4 } data_filler { type: "gaussian" }
        data_filler { type: "constant" value: 1 } } }
"""
FEATURES = """layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 6
        weight_filler { type: "gaussian" std: 1 } } }
"""
LOSS = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "%s" bottom: "label" top: "loss" }\n'
ACCURACY = 'layer { name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "label" top: "accuracy" }\n'


def form_of(text: str, *blobs: str) -> tuple[NetSource, Deployed]:
    source = NetSource.from_text(text, "net.prototxt")
    return source, deployed(source, build_graph(source, pb.TEST), blobs)


def layers_of(form: Deployed) -> list[tuple[str, str, list[str], list[str]]]:
    layers = form.source.param.layer
    return [(layer.name, layer.type, list(layer.bottom), list(layer.top)) for layer in layers]


def notes_of(form: Deployed) -> list[str]:
    return [f"{note.place} {note.layer}: {note.message} [{note.code}]" for note in form.notes]


def test_labels_and_losses_go() -> None:
    _, form = form_of(DATA + FEATURES + ACCURACY + LOSS % "fc")
    assert layers_of(form) == [("data", "Input", [], ["data"]), ("fc", "InnerProduct", ["data"], ["fc"])]
    assert list(form.source.param.layer[0].input_param.shape[0].dim) == [4, 3, 2, 2]
    assert notes_of(form) == [
        "net.prototxt:1:1 data: the layer becomes an input of the model, which takes values after the transform "
        "(scale: 0.5 mean_value: 3) [NC606]",
        "net.prototxt:7:1 accuracy: the layer is left out: it measures against labels [NC605]",
        "net.prototxt:8:1 loss: the layer is left out: it is a loss, which needs labels [NC605]",
        "net.prototxt:1:1 data: the input 'label' is left out: nothing reads it [NC605]",
    ]
    assert build_graph(form.source, pb.TEST).outputs == ["fc"]


def test_what_reads_a_loss_goes_with_it() -> None:
    twice = 'layer { name: "twice" type: "Power" bottom: "loss" top: "twice" power_param { scale: 2 } }\n'
    _, form = form_of(DATA + FEATURES + LOSS % "fc" + twice)
    assert [layer[0] for layer in layers_of(form)] == ["data", "fc"]
    assert "net.prototxt:8:1 twice: the layer is left out: it reads 'loss', which is left out [NC605]" in notes_of(form)


def test_a_users_loss_goes_too() -> None:
    """A Python layer is a loss if it has a loss weight; else it stays, and whoever exports it has to see."""
    layer = 'layer { name: "own" type: "Python" bottom: "fc" bottom: "label" top: "own" %s '
    layer += 'python_param { module: "m" layer: "L" } }\n'
    _, form = form_of(DATA + FEATURES + layer % "loss_weight: 1")
    assert [kept[0] for kept in layers_of(form)] == ["data", "fc"]
    assert [note.message for note in form.notes if note.layer == "own"] == [
        "the layer is left out: it is a loss, which needs labels"
    ]
    _, form = form_of(DATA + FEATURES + layer % "")
    assert [kept[0] for kept in layers_of(form)] == ["data", "data/label", "fc", "own"]


def test_probabilities_of_a_loss_stay() -> None:
    loss = (LOSS % "fc").replace('top: "loss"', 'top: "loss" top: "prob" softmax_param { axis: 1 } loss_weight: 1')
    loss = loss.replace("loss_weight: 1", "loss_weight: 1 loss_weight: 0")
    source, form = form_of(DATA + FEATURES + loss)
    assert layers_of(form)[-1] == ("loss", "Softmax", ["fc"], ["prob"])
    assert_same_values(source, form, "prob")


def test_a_silenced_blob_is_no_output() -> None:
    quiet = 'layer { name: "quiet" type: "Silence" bottom: "other" bottom: "label" }\n'
    other = FEATURES.replace('"fc"', '"other"')
    _, form = form_of(DATA + FEATURES + other + quiet)
    assert layers_of(form)[-1] == ("quiet", "Silence", ["other"], [])
    assert build_graph(form.source, pb.TEST).outputs == ["fc"]


def margin(layer: str, field: str) -> str:
    return (
        f'layer {{ name: "margin" type: "{layer}" bottom: "fc" bottom: "label" top: "y" top: "lambda" {field} '
        'weight_filler { type: "gaussian" std: 1 } } }\n'
    )


MARGINS = {
    "|x| cos t": margin("MarginInnerProduct", "margin_inner_product_param { num_output: 5 type: QUADRUPLE"),
    "|w| |x| cos t": margin("LargeMarginInnerProduct", "largemargin_inner_product_param { num_output: 5 type: DOUBLE"),
    "30 cos t": margin("AngularMargin", "angular_margin_param { num_output: 5 margin: 0.35"),
    "20 cos t": margin("AngularMargin", "angular_margin_param { num_output: 5 margin: 0.5 scale: 20 type: SPHEREFACE2"),
}


@pytest.mark.parametrize("scores", MARGINS)
def test_margins_go_and_scores_stay(scores: str) -> None:
    """Of a class that is not the label's, a margin layer's own scores; but for SPHEREFACE2, which bends them all."""
    source, form = form_of(DATA + FEATURES + MARGINS[scores] + LOSS % "y")
    assert f"scores are {scores} [NC606]" in " ".join(notes_of(form))
    net, bare = nets_with_the_same_weights(source, form)
    if "SPHEREFACE2" in MARGINS[scores]:
        x, w = net.blobs["fc"].data, net.params["margin"][0].data
        cosines = x @ w.T / np.linalg.norm(x, axis=1, keepdims=True) / np.linalg.norm(w, axis=1)
        np.testing.assert_allclose(bare.blobs["y"].data, 20 * cosines, rtol=1e-4, atol=1e-5)
        return
    others = [0, 2, 3, 4]
    np.testing.assert_allclose(bare.blobs["y"].data[:, others], net.blobs["y"].data[:, others], rtol=1e-4, atol=1e-5)
    assert not np.allclose(bare.blobs["y"].data[:, 1], net.blobs["y"].data[:, 1])


@pytest.mark.parametrize("top", ["fc", "y"])
def test_label_specific_add_is_the_identity(top: str) -> None:
    layer = (
        f'layer {{ name: "m" type: "LabelSpecificAdd" bottom: "fc" bottom: "label" top: "{top}" '
        "label_specific_add_param { bias: -0.5 } }\n"
    )
    source, form = form_of(DATA + FEATURES + layer + LOSS % top)
    assert_same_values(source, form, top)
    assert [note.code for note in form.notes if note.layer == "m"] == ["NC605" if top == "fc" else "NC606"]


def test_only_what_a_blob_needs() -> None:
    text = DATA + FEATURES + FEATURES.replace('"fc"', '"other"') + LOSS % "fc"
    _, form = form_of(text, "other")
    assert [layer[0] for layer in layers_of(form)] == ["data", "other"]
    with pytest.raises(RunError) as caught:
        form_of(text, "ohter")
    (finding,) = caught.value.findings
    assert (finding.code, finding.hint) == ("NC607", "did you mean 'other'?")
    with pytest.raises(RunError, match="no blob 'loss'"):
        form_of(text, "loss")


def test_nothing_is_left() -> None:
    with pytest.raises(RunError) as caught:
        form_of(DATA + 'layer { name: "loss" type: "EuclideanLoss" bottom: "data" bottom: "data" top: "loss" }\n')
    assert caught.value.code == "NC604"


def nets_with_the_same_weights(source: NetSource, form: Deployed) -> tuple[Net, Net]:
    """Both after a forward pass over the same data."""
    net, bare = Net(source, pb.TEST, seed=3), Net(form.source, pb.TEST, seed=4)
    net.forward()
    load_weights(bare, form.fitting(stored_net(net)), "the net")
    bare.blobs["data"].data[...] = net.blobs["data"].data
    bare.forward()
    return net, bare


def assert_same_values(source: NetSource, form: Deployed, blob: str) -> None:
    net, bare = nets_with_the_same_weights(source, form)
    np.testing.assert_array_equal(bare.blobs[blob].data, net.blobs[blob].data)
