"""ReLU and Dropout beyond the table: the mask's statistics and independence, and settings that will not do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from layer_case import Bottom, LayerCase
from layer_table import NEURON
from oracle_neuron import split_mix
from single_layer import SingleLayer

from netcli.errors import ConfigError
from netcli.layers.neuron.dropout import Dropout
from netcli.prototxt import LayerSource
from netcli.runtime.blob import LANES, PLAIN
from netcli.runtime.counter_random import random_bits

BIG = Bottom((40, 25, 10, 10), lambda rng, shape: np.ones(shape))


def case_of(type_name: str, text: str, *bottoms: Bottom) -> LayerCase:
    (first, *_) = (case for case in NEURON if case.type == type_name)
    return replace(first, text=text, bottoms=bottoms)


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean_and_drops_the_ratio(ratio: float) -> None:
    case = case_of("Dropout", f"dropout_param {{ dropout_ratio: {ratio} }}", BIG)
    (y,) = SingleLayer(case).forward(case.make_bottoms())
    deviation = np.sqrt(ratio * (1 - ratio) / y.size)
    assert (y == 0).mean() == pytest.approx(ratio, abs=5 * deviation)
    assert set(np.unique(y)) <= {np.float32(0), np.float32(1 / (1 - np.float32(ratio)))}


def test_each_channel_position_and_image_drops_its_share() -> None:
    case = case_of("Dropout", "", BIG)
    (y,) = SingleLayer(case).forward(case.make_bottoms())
    for axis in range(4):
        others = tuple(i for i in range(4) if i != axis)
        share = (y == 0).mean(axis=others)
        assert np.abs(share - 0.5).max() < 5 * 0.5 / np.sqrt(y.size / y.shape[axis])


def test_the_mask_changes_with_the_pass_and_only_then() -> None:
    case = case_of("Dropout", "", BIG)
    single = SingleLayer(case)
    bottoms = case.make_bottoms()
    (first,) = single.forward(bottoms)
    (same,) = single.forward(bottoms)
    np.testing.assert_array_equal(first, same)
    single.layer.context.pass_index = 1
    (other,) = single.forward(bottoms)
    assert (first != other).mean() == pytest.approx(0.5, abs=0.01)


def test_layers_and_seeds_have_masks_of_their_own() -> None:
    case = case_of("Dropout", "", BIG)
    bottoms = case.make_bottoms()
    masks = []
    for name, seed in (("drop1", 1), ("drop2", 1), ("drop1", 2)):
        single = SingleLayer(case)
        single.layer.name, single.layer.context.seed = name, seed
        masks.append(single.forward(bottoms)[0] != 0)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert (masks[a] == masks[b]).mean() == pytest.approx(0.5, abs=0.01)


def test_the_mask_does_not_depend_on_the_place() -> None:
    case = case_of("Dropout", "", Bottom((21, 3, 5, 4)))
    bottoms = case.make_bottoms()
    lanes, plain = (SingleLayer(case).forward(bottoms, place)[0] for place in (LANES, PLAIN))
    np.testing.assert_array_equal(lanes, plain)


def test_backward_uses_the_mask_of_forward_though_the_pass_has_ended() -> None:
    case = case_of("Dropout", "", BIG)
    single = SingleLayer(case)
    (y,) = single.forward(case.make_bottoms())
    single.layer.context.pass_index += 1
    (dx,), _ = single.backward([np.ones(BIG.shape)])
    np.testing.assert_array_equal(dx, y)


def test_random_bits_are_split_mix() -> None:
    for key, index in ((0, 0), (1, 1), (2**64 - 1, 12345), (0x0123456789ABCDEF, 2**40)):
        assert int(random_bits(np.uint64(key), np.uint64(index))) == split_mix(key, index)


@pytest.mark.parametrize("ratio", [-0.1, 1.0, float("nan")])
def test_a_ratio_out_of_range_is_an_error(ratio: float) -> None:
    case = case_of("Dropout", f"dropout_param {{ dropout_ratio: {ratio} }}", BIG)
    with pytest.raises(ConfigError, match="dropout_ratio is out of range") as caught:
        case.inferred_shapes()
    assert caught.value.code == "NC121"


def test_dropout_takes_a_scalar() -> None:
    case = case_of("Dropout", "", Bottom(()))
    layer = case.layer()
    assert isinstance(layer, Dropout)
    (y,) = SingleLayer(case).forward([np.array(3.0)])
    assert y.shape == ()
    assert float(y) in (0.0, 6.0)


def test_a_negative_slope_below_zero_needs_a_top_of_its_own() -> None:
    case = case_of("ReLU", "relu_param { negative_slope: -0.1 }", Bottom((2, 3)))
    assert case.inferred_shapes() == [(2, 3)]
    layer = type(case.layer())(LayerSource(case.param(in_place=True), None), case.layer().context)
    with pytest.raises(ConfigError) as caught:
        layer.setup([(2, 3)])
    assert caught.value.code == "NC107"


def test_infinity_goes_through_relu() -> None:
    case = case_of("ReLU", "relu_param { negative_slope: 0.5 }", Bottom((1, 4)))
    (y,) = SingleLayer(case).forward([np.array([[np.inf, -np.inf, 2, -2]])])
    assert y.tolist() == [[np.inf, -np.inf, 2, -1]]


@pytest.mark.parametrize(
    ("type_name", "text", "shape", "code", "message"),
    [
        ("Clip", "", (2, 3), "NC120", "min is missing"),
        ("Clip", "clip_param { min: 1 max: 0.5 }", (2, 3), "NC121", "expected at least 1, actual 0.5"),
        ("Exp", "exp_param { base: 0 }", (2, 3), "NC121", "expected above 0, or -1 for e, actual 0"),
        ("Exp", "exp_param { base: -2 }", (2, 3), "NC121", "actual -2"),
        ("Log", "log_param { base: -0.5 }", (2, 3), "NC121", "actual -0.5"),
        ("Log", "log_param { base: 1 }", (2, 3), "NC121", "there is no logarithm of this base"),
        ("PReLU", "", (5,), "NC122", "expected (N, C, ...), actual (5,)"),
    ],
)
def test_settings_that_make_no_function(
    type_name: str, text: str, shape: tuple[int, ...], code: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        LayerCase(type_name, "wrong", "", text, bottoms=(Bottom(shape),)).inferred_shapes()
    assert caught.value.code == code
    assert message in str(caught.value)


def test_a_threshold_says_that_it_has_no_gradient() -> None:
    single = SingleLayer(LayerCase("Threshold", "wanted", "", bottoms=(Bottom((2, 3)),)))
    single.forward([np.ones((2, 3))])
    with pytest.raises(ConfigError, match="a threshold has no gradient") as caught:
        single.backward([np.ones((2, 3))])
    assert caught.value.code == "NC114"


def test_a_value_on_a_bound_is_inside_for_clip_and_outside_for_relu6() -> None:
    x, ones = np.array([[0.0, 3.0, 6.0]]), np.ones((1, 3))
    for type_name, text, expected in (
        ("Clip", "clip_param { min: 0 max: 6 }", [1, 1, 1]),
        ("ReLU6", "", [0, 1, 0]),
    ):
        single = SingleLayer(LayerCase(type_name, "bounds", "", text, bottoms=(Bottom((1, 3)),)))
        single.forward([x])
        (dx,), _ = single.backward([ones])
        assert dx[0].tolist() == expected


@pytest.mark.parametrize("type_name", ["BNLL", "Sigmoid", "Swish", "TanH", "ELU"])
def test_large_inputs_overflow_nowhere(type_name: str) -> None:
    single = SingleLayer(LayerCase(type_name, "large", "", bottoms=(Bottom((1, 2)),)))
    (y,) = single.forward([np.array([[1e4, -1e4]])])
    (dx,), _ = single.backward([np.ones((1, 2))])
    assert np.isfinite(y).all()
    assert np.isfinite(dx).all()


def test_what_stands_in_padding_lanes_never_becomes_infinite() -> None:
    for type_name, text in (("Log", "log_param { scale: -1 shift: 0.75 }"), ("Power", "power_param { power: -1 }")):
        single = SingleLayer(LayerCase(type_name, "padding", "", text, bottoms=(Bottom((1, 3)),)))
        single.forward([np.full((1, 3), 0.5)])
        single.backward([np.ones((1, 3))])
        assert np.isfinite(single.tops[0].values.read(LANES)).all()
        assert np.isfinite(single.bottoms[0].gradients.read(LANES)).all()


def test_prelu_starts_with_a_slope_of_a_quarter_unless_told_otherwise() -> None:
    for text, expected in (("", 0.25), ("prelu_param { filler { value: 0.1 } }", 0.1)):
        layer = LayerCase("PReLU", "filler", "", text, bottoms=(Bottom((2, 3)),)).layer()
        layer.setup([(2, 3)])
        (declaration,) = layer.declarations
        assert declaration.filler.value == pytest.approx(expected)
        assert declaration.shape == (3,)
