"""The gradient check finds what is wrong, names it, and says nothing of what is right."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from netcli.layers.layer import Layer
from netcli.layers.registry import layer_types
from netcli.net import Net
from netcli.net.gradient_check import LayerResult, Settings, check_net, vary_constant_parameters
from netcli.net.label_ranges import label_ranges
from netcli.prototxt import NetSource
from netcli.runtime.blob import PLAIN, Blob
from netcli.schema import caffe_pb2 as pb

IMAGES = 'layer { name: "data" type: "Input" top: "x" input_param { shape { dim: 3 dim: 2 dim: 5 dim: 4 } } }'
VECTORS = 'layer { name: "data" type: "Input" top: "x" input_param { shape { dim: 4 dim: 6 } } }'
LABELS = 'layer { name: "labels" type: "Input" top: "label" input_param { shape { dim: 4 } } }'


def net_of(*layers: str, phase: int = pb.TRAIN) -> Net:
    return Net(NetSource.from_text("\n".join(layers)), phase, dtype=np.float64, seed=1)


def checked(*layers: str, phase: int = pb.TRAIN, only: Sequence[str] = (), **settings: float) -> dict[str, LayerResult]:
    results = check_net(net_of(*layers, phase=phase), Settings(**settings), only)
    return {result.step.name: result for result in results}


def spoil(monkeypatch: pytest.MonkeyPatch, type_name: str, spoiling: Callable[[Layer, Sequence[Blob]], None]) -> None:
    """Lets ``spoiling`` change what backward of a type has computed: it gets the layer and its bottoms."""
    layer_type = layer_types()[type_name]
    right = layer_type.backward

    def backward(self: Layer, tops: Sequence[Blob], wanted: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        right(self, tops, wanted, bottoms)
        spoiling(self, bottoms)

    monkeypatch.setattr(layer_type, "backward", backward)


def test_a_right_net_passes() -> None:
    results = checked(
        IMAGES,
        'layer { name: "labels" type: "Input" top: "label" input_param { shape { dim: 3 } } }',
        'layer { name: "conv" type: "Convolution" bottom: "x" top: "c" '
        "convolution_param { num_output: 3 kernel_size: 2 } }",
        'layer { name: "bn" type: "BatchNorm" bottom: "c" top: "c" }',
        'layer { name: "scale" type: "Scale" bottom: "c" top: "c" scale_param { bias_term: true } }',
        'layer { name: "relu" type: "ReLU" bottom: "c" top: "c" }',
        'layer { name: "drop" type: "Dropout" bottom: "c" top: "c" }',
        'layer { name: "pool" type: "Pooling" bottom: "c" top: "p" pooling_param { kernel_size: 2 stride: 2 } }',
        'layer { name: "fc" type: "InnerProduct" bottom: "p" top: "fc" inner_product_param { num_output: 5 } }',
        'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" loss_weight: 3 }',
        samples=1000,
    )
    assert all(result.passed and not result.findings() for result in results.values())
    blobs = {(name, blob.blob): blob for name, result in results.items() for blob in result.blobs if not blob.reason}
    assert list(blobs) == [
        ("conv", "x"),
        ("conv", "param 0"),
        ("conv", "param 1"),
        ("bn", "c"),
        ("scale", "c"),
        ("scale", "param 0"),
        ("scale", "param 1"),
        ("relu", "c"),
        ("drop", "c"),
        ("pool", "c"),
        ("fc", "p"),
        ("fc", "param 0"),
        ("fc", "param 1"),
        ("loss", "fc"),
    ]
    assert all(blob.worst is not None and blob.error < 1e-8 for blob in blobs.values())
    assert all(blob.checked + blob.kinks == math.prod(blob.shape) for blob in blobs.values())
    assert {name for (name, _), blob in blobs.items() if blob.kinks} <= {"pool"}, "windows of zeros"


def _wrong_at(index: tuple[int, ...], amount: float) -> Callable[[Layer, Sequence[Blob]], None]:
    def add(layer: Layer, bottoms: Sequence[Blob]) -> None:
        bottoms[0].gradients.update(PLAIN)[index] += amount

    return add


def test_a_wrong_bottom_gradient_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, "TanH", _wrong_at((2, 3), 0.01))
    layers = (
        VECTORS,
        'layer { name: "before" type: "Sigmoid" bottom: "x" top: "s" }',
        'layer { name: "wrong" type: "TanH" bottom: "s" top: "t" }',
        'layer { name: "behind" type: "Sigmoid" bottom: "t" top: "u" }',
    )
    results = checked(*layers, samples=24)
    assert [name for name, result in results.items() if not result.passed] == ["wrong"]
    (blob,) = results["wrong"].blobs
    assert blob.worst is not None
    assert blob.worst.index == (2, 3)
    assert blob.worst.analytic - blob.worst.numeric == pytest.approx(0.01, rel=1e-5)
    (finding,) = results["wrong"].findings()
    assert str(finding).startswith(
        "<string>:3:1: layer 'wrong' (TanH): wrong gradient of bottom 's' at (2, 3), expected "
    )
    assert str(finding).endswith(f"by differences, actual {blob.worst.analytic:.9g} by backward [NC520]")


def test_a_wrong_parameter_gradient_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def double(layer: Layer, bottoms: Sequence[Blob]) -> None:
        layer.params[1].gradients.update(PLAIN)[...] *= 2

    spoil(monkeypatch, "InnerProduct", double)
    layer = 'layer { name: "fc" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 3 } }'
    result = checked(VECTORS, layer)["fc"]
    assert [(blob.blob, blob.passed) for blob in result.blobs] == [("x", True), ("param 0", True), ("param 1", False)]
    assert "wrong gradient of parameter 1 at (" in str(result.findings()[0])


def test_a_gradient_that_is_not_written_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_types()["TanH"], "backward", lambda *arguments: None)
    result = checked(VECTORS, 'layer { name: "y" type: "TanH" bottom: "x" top: "y" }')["y"]
    assert not result.passed
    assert result.blobs[0].error == math.inf


def test_a_slightly_wrong_gradient_of_a_curved_function_is_no_kink(monkeypatch: pytest.MonkeyPatch) -> None:
    def one_percent(layer: Layer, bottoms: Sequence[Blob]) -> None:
        bottoms[0].gradients.update(PLAIN)[...] *= 1.01

    spoil(monkeypatch, "Exp", one_percent)
    result = checked(VECTORS, 'layer { name: "y" type: "Exp" bottom: "x" top: "y" exp_param { scale: 3 } }')["y"]
    assert not result.passed
    assert result.blobs[0].kinks == 0


def test_kinks_are_left_out() -> None:
    results = checked(
        VECTORS,
        'layer { name: "zero" type: "Power" bottom: "x" top: "z" power_param { scale: 0 } }',
        'layer { name: "relu" type: "ReLU" bottom: "z" top: "r" }',
        'layer { name: "max" type: "Eltwise" bottom: "z" bottom: "r" top: "m" eltwise_param { operation: MAX } }',
    )
    for name in ("relu", "max"):
        assert results[name].passed
        assert [(blob.checked, blob.kinks) for blob in results[name].blobs] == [(0, 16)] * len(results[name].blobs)


def test_tied_maxima_under_windows_that_overlap_are_kinks() -> None:
    results = checked(
        IMAGES,
        'layer { name: "zero" type: "Power" bottom: "x" top: "z" power_param { scale: 0 } }',
        'layer { name: "pool" type: "Pooling" bottom: "z" top: "p" pooling_param { kernel_size: 3 stride: 1 } }',
        samples=1000,
    )
    assert results["pool"].passed
    assert results["pool"].blobs[0].kinks > 0


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        ('type: "Accuracy" bottom: "label"', "the accuracy is a step function"),
        ('type: "Threshold"', "a threshold is a step function"),
        ('type: "ArgMax"', "the index of a maximum is a step function"),
        ('type: "MVN" mvn_param { eps: 0.5 across_channels: true }', "Caffe's gradient takes eps for part"),
        (
            'type: "MarginInnerProduct" bottom: "label" margin_inner_product_param { num_output: 3 }',
            "the authors' backward pass is not the gradient",
        ),
        ('type: "Power" propagate_down: false', "its bottoms get no gradient"),
        ('type: "Log"', "its values are not finite"),
    ],
)
def test_what_cannot_be_checked_is_listed_with_the_reason(layer: str, reason: str) -> None:
    results = checked(VECTORS, LABELS, f'layer {{ name: "y" bottom: "x" top: "y" {layer} }}')
    assert results["y"].passed
    assert results["y"].reason.startswith(reason)
    assert results["data"].reason == "it makes data"


def test_blobs_without_a_gradient_are_listed_with_the_reason() -> None:
    results = checked(
        VECTORS,
        LABELS,
        'layer { name: "bn" type: "BatchNorm" bottom: "x" top: "n" }',
        'layer { name: "centers" type: "CenterLoss" bottom: "n" bottom: "label" top: "c" '
        "center_loss_param { num_output: 3 } }",
        'layer { name: "silence" type: "Silence" bottom: "label" }',
    )
    assert [blob.reason for blob in results["bn"].blobs] == ["", *["it is not learned"] * 3]
    assert [blob.reason for blob in results["centers"].blobs] == ["", "the centres get an update instead of a gradient"]
    assert results["silence"].reason == "it has no tops"


def test_a_forward_pass_that_does_not_repeat_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)

    def noise(layer: Layer, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        tops[0].values.write(PLAIN)[...] = generator.standard_normal(tops[0].shape)

    monkeypatch.setattr(layer_types()["TanH"], "forward", noise)
    result = checked(VECTORS, 'layer { name: "y" type: "TanH" bottom: "x" top: "y" }')["y"]
    assert result.reason == "its forward pass gives other values when it runs again"


def test_a_layer_may_allow_for_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = 'layer { name: "y" type: "TanH" bottom: "x" top: "y" }'
    spoil(monkeypatch, "TanH", lambda layer, bottoms: bottoms[0].gradients.update(PLAIN).__imul__(1.001))
    assert not checked(VECTORS, layer)["y"].passed
    monkeypatch.setattr(layer_types()["TanH"], "gradient_error", 2e-3)
    assert checked(VECTORS, layer)["y"].passed


def test_the_exact_margin_passes() -> None:
    layer = (
        'layer { name: "m" type: "MarginInnerProduct" bottom: "x" bottom: "label" top: "y" '
        "margin_inner_product_param { num_output: 3 type: QUADRUPLE base: 2 gradient: EXACT } }"
    )
    result = checked(VECTORS, LABELS, layer)["m"]
    assert [(blob.blob, blob.passed, blob.checked) for blob in result.blobs] == [("x", True, 16), ("param 0", True, 16)]


def test_only_some_layers_and_none_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_types()["Exp"], "forward", lambda *arguments: pytest.fail("behind the last one"))
    layers = (
        VECTORS,
        'layer { name: "a" type: "TanH" bottom: "x" top: "a" }',
        'layer { name: "b" type: "TanH" bottom: "a" top: "b" }',
        'layer { name: "c" type: "Exp" bottom: "b" top: "c" }',
    )
    assert list(checked(*layers, only=["b"])) == ["b"]


def test_the_same_seed_gives_the_same_numbers() -> None:
    layer = 'layer { name: "fc" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 3 } }'
    first, second = (checked(VECTORS, layer, samples=3)["fc"].blobs for _ in range(2))
    other = checked(VECTORS, layer, samples=3, seed=2)["fc"].blobs
    assert first == second
    assert first != other
    assert [blob.checked for blob in first] == [3, 3, 3]


def test_a_layer_behind_an_in_place_one_sees_what_the_net_gives_it() -> None:
    net = net_of(
        VECTORS,
        'layer { name: "tanh" type: "TanH" bottom: "x" top: "y" }',
        'layer { name: "relu" type: "ReLU" bottom: "y" top: "y" }',
        'layer { name: "exp" type: "Exp" bottom: "y" top: "z" }',
    )
    results = list(check_net(net, Settings()))
    assert all(result.passed for result in results)
    x, y, z = (net.blobs[name].data for name in "xyz")
    np.testing.assert_allclose(y, np.maximum(np.tanh(x), 0), rtol=1e-12)
    np.testing.assert_allclose(z, np.exp(y), rtol=1e-12)


def test_constant_parameters_are_varied() -> None:
    net = net_of(
        VECTORS,
        'layer { name: "bn" type: "BatchNorm" bottom: "x" top: "n" }',
        'layer { name: "fc" type: "InnerProduct" bottom: "n" top: "y" '
        "inner_product_param { num_output: 200 bias_filler { value: 2 } } }",
        'layer { name: "g" type: "InnerProduct" bottom: "y" top: "z" '
        'inner_product_param { num_output: 3 weight_filler { type: "gaussian" } } }',
    )
    kept = net.params["g"][0].data.copy()
    vary_constant_parameters(net, 1)
    weights, bias = (blob.data for blob in net.params["fc"])
    assert weights.std() == pytest.approx(1 / math.sqrt(6), rel=0.1)
    assert bias.mean() == pytest.approx(2, abs=0.05)
    assert bias.std() > 0
    assert not any(blob.data.any() for blob in net.params["bn"])
    np.testing.assert_array_equal(net.params["g"][0].data, kept)


def _ranges(*layers: str) -> dict[str, int]:
    graph = net_of(*layers).graph
    return label_ranges(graph.steps, graph.shapes)


def test_labels_are_within_the_classes_of_all_readers() -> None:
    found = _ranges(
        VECTORS,
        LABELS,
        'layer { name: "few" type: "InnerProduct" bottom: "x" top: "few" inner_product_param { num_output: 3 } }',
        'layer { name: "a" type: "SoftmaxWithLoss" bottom: "x" bottom: "label" top: "a" }',
        'layer { name: "b" type: "SoftmaxWithLoss" bottom: "few" bottom: "label" top: "b" }',
    )
    assert found["label"] == 3
    assert "x" not in found


def test_labels_are_found_behind_layers_that_carry_them() -> None:
    found = _ranges(
        VECTORS,
        'layer { name: "labels" type: "Input" top: "both" input_param { shape { dim: 4 dim: 2 } } }',
        'layer { name: "slice" type: "Slice" bottom: "both" top: "one" top: "two" }',
        'layer { name: "a" type: "SoftmaxWithLoss" bottom: "x" bottom: "one" top: "a" }',
        'layer { name: "b" type: "Embed" bottom: "two" top: "b" embed_param { input_dim: 5 num_output: 2 } }',
    )
    assert {name: found[name] for name in ("both", "one", "two")} == {"both": 5, "one": 5, "two": 5}


def test_made_up_values_are_no_labels_where_somebody_computes_with_them() -> None:
    found = _ranges(
        VECTORS,
        'layer { name: "most" type: "ArgMax" bottom: "x" top: "most" }',
        'layer { name: "fc" type: "TanH" bottom: "x" top: "y" }',
    )
    assert found == {}
