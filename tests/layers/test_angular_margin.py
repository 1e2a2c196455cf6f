"""AngularMargin and OneVsAllLoss beyond the table: where the bias starts, DETACHED, odd items, bad settings."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from google.protobuf import text_format
from layer_case import Bottom, LayerCase, labels
from single_layer import SingleLayer

from netcli.errors import ConfigError, RunError
from netcli.layers.margin import angular_margin
from netcli.layers.margin.angular_margin import first_bias
from netcli.net import Net
from netcli.prototxt import NetSource, SolverSource
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb
from netcli.solver import Solver
from netcli.solver.lap import lambdas

TYPES = list(pb.AngularMarginParameter.Type.keys())


def angular(text: str, shape: tuple[int, ...] = (6, 5)) -> SingleLayer:
    """The layer in float64 over 7 classes."""
    bottoms = (Bottom(shape), Bottom(shape[:1], labels(7), differentiable=False))
    case = LayerCase("AngularMargin", "own", "", f"angular_margin_param {{ num_output: 7 {text} }}", bottoms=bottoms)
    return SingleLayer(case, np.float64)


def test_the_example_of_the_first_bias_holds() -> None:
    failed, tried = doctest.testmod(angular_margin)
    assert (failed, tried > 0) == (0, True)


@pytest.mark.parametrize("text", ["num_output: 10572 margin: 0.4 scale: 40", "num_output: 2 margin: 0.1 scale: 3"])
def test_the_first_bias_balances_the_loss_at_right_angles(text: str) -> None:
    settings = text_format.Parse(text, pb.AngularMarginParameter())
    bias, share = first_bias(settings), settings.positive_weight
    right_angle = 2 * 0.5**settings.sharpness - 1
    label = settings.scale * (right_angle - settings.margin) + bias
    other = settings.scale * (right_angle + settings.margin) + bias
    pull = share / (1 + np.exp(label))
    assert pull == pytest.approx((1 - share) * (settings.num_output - 1) / (1 + np.exp(-other)))


def test_lambda_is_told_only_where_there_is_one() -> None:
    loss = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ours" bottom: "label" top: "loss" }'
    net = f"net_param {{ {AM_SOFTMAX} {loss} }}"
    settings = 'base_lr: 0.01 lr_policy: "fixed" max_iter: 1'
    for more, expected in (("", {}), ("lambda_base: 8 lambda_gamma: 1", {"own": 4.0})):
        solver = Solver(SolverSource.from_text(f"{settings} {more} {net}", "solver.prototxt"), seed=1)
        assert lambdas(solver.net) == expected
        solver.close()


def test_a_single_class_has_a_bias_too() -> None:
    assert first_bias(pb.AngularMarginParameter(num_output=1, margin=0.5, scale=2)) == pytest.approx(2 * (0.75 + 0.5))


@pytest.mark.parametrize("scale", ["scale: 9", "scale: 0"])
def test_detached_leads_the_gradient_through_the_cosine_alone(scale: str) -> None:
    """COSFACE's h - c is a constant anyway, so that its gradients agree; SPHEREFACE_R_V1's do with m = 1 only."""
    dy = np.random.default_rng(3).standard_normal((6, 7))

    def gradient(text: str) -> np.ndarray:
        single = angular(f"{text} {scale}")
        single.forward(single.case.make_bottoms())
        return single.backward([dy])[0][0]

    for kind, alike in (
        ("COSFACE margin: 0.4", True),
        ("SPHEREFACE_R_V1 margin: 1", True),
        ("ARCFACE margin: 1", False),
    ):
        exact, detached = gradient(f"type: {kind}"), gradient(f"type: {kind} gradient: DETACHED")
        assert np.allclose(exact, detached) is alike


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("scale", ["scale: 9", "scale: 0"])
def test_features_of_zero_length_and_labels_of_no_class_do_no_harm(kind: str, scale: str) -> None:
    single = angular(f"type: {kind} margin: 1.2 {scale}")
    x, label = single.case.make_bottoms()
    x[0], label[1] = 0, -1
    (y,) = single.forward([x, label])
    (dx,), parameters = single.backward([np.ones((6, 7))])
    assert all(np.isfinite(array).all() for array in (y, dx, *parameters))
    assert not dx[0].any()


@pytest.mark.parametrize("kind", TYPES)
def test_a_feature_along_a_row_has_a_finite_gradient(kind: str) -> None:
    """There the angle has no derivative by the cosine."""
    single = angular(f"type: {kind} margin: 1.5")
    rows = single.layer.params[0].values.read(PLAIN)
    (y,) = single.forward([np.stack([*rows[:5] * 3, -rows[5]]), np.arange(6.0)])
    (dx,), parameters = single.backward([np.ones((6, 7))])
    assert all(np.isfinite(array).all() for array in (y, dx, *parameters))


def test_a_margin_makes_the_label_harder_for_every_type() -> None:
    for kind in TYPES:
        with_margin, without = (angular(f"type: {kind} margin: {m} scale: 1") for m in (1.4, 1.0))
        x, label = with_margin.case.make_bottoms()
        (harder,), (easier,) = (single.forward([x, label]) for single in (with_margin, without))
        rows = np.arange(6), label.astype(int)
        gap = [np.delete(y, rows[1][0], axis=1)[0].max() - y[rows][0] for y in (harder, easier)]
        assert gap[0] > gap[1], kind


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", "NC120", "margin is missing"),
        ("type: ARCFACE margin: -0.1", "NC121", "margin is out of range, expected at least 0, actual -0.1"),
        ("type: SPHEREFACE_R_V2 margin: 0.5", "NC121", "margin is out of range, expected at least 1, actual 0.5"),
        ("margin: 0.3 scale: -2", "NC121", "scale is out of range"),
        ("margin: 0.3 sharpness: 0.5", "NC121", "sharpness is out of range"),
        ("margin: 0.3 positive_weight: 1", "NC121", "positive_weight is out of range"),
        ("margin: 0.3 type: SPHEREFACE2 base: 10", "NC126", "SPHEREFACE2 has no lambda"),
    ],
)
def test_settings_that_do_not_fit(text: str, code: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        angular(text)
    assert caught.value.code == code
    assert message in str(caught.value)


def test_the_loss_refuses_labels_and_weights_out_of_range() -> None:
    bottoms = (Bottom((4, 7)), Bottom((4,), labels(7), differentiable=False))
    with pytest.raises(RunError) as wrong_label:
        SingleLayer(LayerCase("OneVsAllLoss", "own", "", bottoms=bottoms)).forward([np.ones((4, 7)), np.full(4, 7.0)])
    assert wrong_label.value.code == "NC150"
    case = LayerCase("OneVsAllLoss", "own", "", "one_vs_all_loss_param { positive_weight: 2 }", bottoms=bottoms)
    with pytest.raises(ConfigError) as wrong_weight:
        case.inferred_shapes()
    assert wrong_weight.value.code == "NC121"


def test_the_loss_does_not_overflow() -> None:
    bottoms = (Bottom((1, 2)), Bottom((1,), labels(2), differentiable=False))
    single = SingleLayer(LayerCase("OneVsAllLoss", "own", "", bottoms=bottoms))
    (loss,) = single.forward([np.array([[-1e4, 1e4]]), np.zeros(1)])
    assert loss == pytest.approx(1e4)
    (dx,), _ = single.backward([np.ones(())])
    np.testing.assert_allclose(dx, [[-0.7, 0.3]], rtol=1e-6)


AM_SOFTMAX = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 6 dim: 5 } } }
layer { name: "label" type: "Input" top: "label" input_param { shape { dim: 6 } } }
layer { name: "norm" type: "Normalize" bottom: "x" top: "norm" }
layer { name: "fork" type: "InnerProduct" bottom: "norm" top: "cosines"
        inner_product_param { num_output: 7 normalize: true bias_term: false weight_filler { type: "xavier" } } }
layer { name: "margin" type: "LabelSpecificAdd" bottom: "cosines" bottom: "label" top: "shifted"
        label_specific_add_param { bias: -0.1 } }
layer { name: "scale" type: "Scale" bottom: "shifted" top: "theirs" param { lr_mult: 0 }
        scale_param { filler { value: 30 } } }
layer { name: "own" type: "AngularMargin" bottom: "x" bottom: "label" top: "ours"
        angular_margin_param { num_output: 7 type: COSFACE margin: 0.1 weight_filler { type: "xavier" } } }
"""


def test_the_fork_spellings_of_am_softmax_give_the_same_scores() -> None:
    """The fork leaves a cosine below the margin as it is; no label here has such a one."""
    net = Net(NetSource.from_text(AM_SOFTMAX, "am_softmax.prototxt"), pb.TRAIN, seed=1)
    rows = np.random.default_rng(2).standard_normal((7, 5))
    net.params["fork"][0].data[...] = net.params["own"][0].data[...] = rows
    label = np.array([0, 3, 6, 2, 5, 1])
    net.blobs["label"].data[...] = label
    net.blobs["x"].data[...] = rows[label] + 0.1 * np.random.default_rng(3).standard_normal((6, 5))
    net.forward()
    np.testing.assert_allclose(net.blobs["theirs"].data, net.blobs["ours"].data, rtol=1e-4, atol=1e-4)
