"""BatchNorm, LRN, MVN, Scale, Bias and Normalize beyond the table: stored statistics, precision, illegal settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cases_normalisation import BATCH_NORM_BY_BATCH, BATCH_NORM_BY_STORED, LRN, MVN, NORMALIZE, SCALE
from layer_case import Bottom, LayerCase
from one_layer_net import finding_of, net_of
from single_layer import SingleLayer

from netcli.runtime.blob import LANES, PLAIN, Place, Shape
from netcli.runtime.cpu import lane_count
from netcli.schema import caffe_pb2 as pb

IMAGES = (2, 3, 4, 3)
PLACES = pytest.mark.parametrize("place", [PLAIN, LANES], ids=lambda place: place.value)


def variant(cases: list[LayerCase], name: str) -> LayerCase:
    return next(case for case in cases if case.variant == name)


@PLACES
@pytest.mark.parametrize("images", [2, lane_count() + 3])
def test_batch_norm_stores_weighted_sums_of_the_statistics(place: Place, images: int) -> None:
    case = replace(variant(BATCH_NORM_BY_BATCH, "vectors"), bottoms=(Bottom((images, 3, 2, 2)),))
    single = SingleLayer(case)
    expected = [array.astype(np.float64) for array in single.params]
    rng = np.random.default_rng(3)
    for _ in range(3):
        x = rng.standard_normal((images, 3, 2, 2)) * 2 + 5
        single.forward([x], place)
        statistics = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3), ddof=1), 1.0
        expected = [0.5 * stored + new for stored, new in zip(expected, statistics, strict=True)]
    for got, wanted in zip(single.params, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_the_variance_of_a_single_value_is_stored_as_it_is() -> None:
    single = SingleLayer(replace(variant(BATCH_NORM_BY_BATCH, "vectors"), bottoms=(Bottom((1, 3)),)))
    before = single.params[1].copy()
    (y,) = single.forward([np.array([[1.0, 2.0, 3.0]])])
    assert not y.any()
    np.testing.assert_allclose(single.params[1], 0.5 * before)


def test_stored_statistics_stay_as_they_are() -> None:
    single = SingleLayer(variant(BATCH_NORM_BY_STORED, "testing"))
    before = [array.copy() for array in single.params]
    single.forward(single.case.make_bottoms())
    assert all((now == then).all() for now, then in zip(single.params, before, strict=True))


def test_stored_statistics_without_weight_are_zero() -> None:
    single = SingleLayer(variant(BATCH_NORM_BY_STORED, "testing"))
    single.layer.params[2].values.write(PLAIN).fill(0)
    bottoms = single.case.make_bottoms()
    np.testing.assert_allclose(single.forward(bottoms)[0], bottoms[0] / np.sqrt(1e-5), rtol=1e-5)


@PLACES
def test_a_mean_far_above_the_deviation_costs_no_precision(place: Place) -> None:
    single = SingleLayer(replace(variant(BATCH_NORM_BY_BATCH, "images"), bottoms=(Bottom((40, 2, 8, 8)),)))
    x = np.random.default_rng(0).integers(1000, 1004, (40, 2, 8, 8)).astype(np.float64)
    (y,) = single.forward([x], place)
    centred = x - x.mean(axis=(0, 2, 3), keepdims=True)
    np.testing.assert_allclose(y, centred / np.sqrt((centred**2).mean(axis=(0, 2, 3), keepdims=True) + 1e-5), atol=2e-3)


@PLACES
@pytest.mark.parametrize("images", [1, lane_count() + 3])
def test_one_axis_of_any_length(place: Place, images: int) -> None:
    case = replace(variant(BATCH_NORM_BY_BATCH, "one_axis"), bottoms=(Bottom((images,)),))
    (x,) = case.make_bottoms()
    (y,) = SingleLayer(case).forward([x], place)
    np.testing.assert_allclose(y, (x - x.mean()) / np.sqrt(x.var() + 0.01), atol=1e-5)


@pytest.mark.parametrize("param", ["", "param { } param { }", 'param { name: "statistics" }'])
def test_batch_norm_is_neither_trained_nor_decayed(param: str) -> None:
    net = net_of(f'type: "BatchNorm" {param}', IMAGES)
    assert [(item.lr_mult, item.decay_mult) for item in net.learnable] == [(0, 0)] * 3


def test_training_nets_statistics_reach_a_net_that_shares_them() -> None:
    training = net_of('type: "BatchNorm"', IMAGES)
    testing = net_of('type: "BatchNorm"', IMAGES, phase=pb.TEST)
    testing.share_trained_layers_with(training)
    x = np.random.default_rng(2).standard_normal(IMAGES) + 3
    for net in (training, testing):
        net.blobs["b0"].data[...] = x
        net.forward()
    by_stored = testing.blobs["t0"].data
    unbiased = x.var(axis=(0, 2, 3), ddof=1, keepdims=True)
    np.testing.assert_allclose(
        by_stored, (x - x.mean(axis=(0, 2, 3), keepdims=True)) / np.sqrt(unbiased + 1e-5), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("names", [("t0", "t0", "t0"), ("b0", "b0", "b0")])
def test_layers_in_place_on_one_blob_do_not_disturb_each_other(names: tuple[str, str, str]) -> None:
    """BatchNorm, Scale and ReLU, as residual nets have them."""
    gradients = []
    for norm, scale, relu in [names, ("t0", "t1", "t2")]:
        stack = (
            f'type: "BatchNorm" top: "{norm}" }}\n'
            f'layer {{ name: "scale" type: "Scale" bottom: "{norm}" top: "{scale}"\n'
            "scale_param { bias_term: true } }\n"
            f'layer {{ name: "relu" type: "ReLU" bottom: "{scale}" top: "{relu}"'
        )
        net = net_of(stack, IMAGES, dtype=np.float64)
        net.params["scale"][0].data[...] = [1.5, -2, 0.5]
        net.params["scale"][1].data[...] = [0.1, 0.2, -0.1]
        net.blobs["b0"].data[...] = np.random.default_rng(7).standard_normal(IMAGES)
        net.forward()
        net.blobs[relu].diff[...] = np.random.default_rng(8).standard_normal(IMAGES)
        net.backward()
        gradients.append([net.blobs["b0"].diff, *(blob.diff for blob in net.params["scale"])])
    for together, apart in zip(*gradients, strict=True):
        np.testing.assert_allclose(together, apart, rtol=1e-12)
        assert together.any()


def test_within_a_channel_k_does_not_count() -> None:
    one = variant(LRN, "within")
    other = replace(one, text=one.text.replace("k: 7", "k: 0.5"))
    bottoms = one.make_bottoms()
    assert (SingleLayer(one).forward(bottoms)[0] == SingleLayer(other).forward(bottoms)[0]).all()


def test_padding_lanes_stay_finite_without_k() -> None:
    case = replace(variant(LRN, "across"), text="lrn_param { local_size: 3 k: 0 }")
    single = SingleLayer(case)
    single.forward(case.make_bottoms())
    single.bottoms[0].values.update(LANES)[-1, :, :, 2:] = 0
    single.layer.forward(single.bottoms, single.tops)
    single.backward([np.ones(case.bottoms[0].shape)])
    assert np.isfinite(single.tops[0].values.read(LANES)).all()
    assert not single.bottoms[0].gradients.read(LANES)[-1, :, :, 2:].any()


@pytest.mark.parametrize("across", [False, True])
def test_mvn_has_caffes_gradient_whatever_eps(across: bool) -> None:
    case = replace(variant(MVN, "eps"), text=f"mvn_param {{ eps: 0.5 across_channels: {str(across).lower()} }}")
    single = SingleLayer(case, np.float64)
    (x,) = case.make_bottoms()
    (y,) = single.forward([x])
    dy = np.random.default_rng(4).standard_normal(x.shape)
    (dx,), _ = single.backward([dy])
    axes = (1, 2, 3) if across else (2, 3)
    divisor = x.std(axis=axes, keepdims=True) + 0.5
    expected = (dy - dy.mean(axis=axes, keepdims=True) - y * (y * dy).mean(axis=axes, keepdims=True)) / divisor
    np.testing.assert_allclose(dx, expected, rtol=1e-10)


def test_a_constant_channel_is_zero_after_mvn() -> None:
    case = replace(variant(MVN, "channels"), bottoms=(Bottom((1, 2, 2, 2)),))
    (y,) = SingleLayer(case).forward([np.full((1, 2, 2, 2), 3.0)])
    assert not y.any()


def test_coefficients_start_as_they_do_in_caffe() -> None:
    scale = net_of('type: "Scale" scale_param { bias_term: true }', IMAGES).params["layer"]
    assert [blob.data.tolist() for blob in scale] == [[1, 1, 1], [0, 0, 0]]
    assert net_of('type: "Scale" scale_param { filler { } }', IMAGES).params["layer"][0].data.tolist() == [0, 0, 0]
    assert net_of('type: "Bias" bias_param { filler { value: 2 } }', IMAGES).params["layer"][0].data.tolist() == [2] * 3
    assert net_of('type: "Normalize" norm_param { }', IMAGES).params["layer"][0].data == 1


@pytest.mark.parametrize(
    ("layer", "bottoms", "shapes"),
    [
        ('type: "Scale" scale_param { axis: 0 num_axes: -1 }', [IMAGES], [IMAGES]),
        ('type: "Scale" scale_param { num_axes: 0 bias_term: true }', [IMAGES], [(), ()]),
        ('type: "Scale" scale_param { bias_term: true num_axes: 3 }', [IMAGES, (3, 4)], [(3, 4)]),
        ('type: "Scale"', [IMAGES, (3,)], []),
        ('type: "Bias" bias_param { axis: -2 num_axes: 2 }', [IMAGES], [(4, 3)]),
        ('type: "BatchNorm"', [IMAGES], [(3,), (3,), (1,)]),
        ('type: "BatchNorm"', [(5,)], [(1,), (1,), (1,)]),
        ('type: "Normalize"', [IMAGES], []),
        ('type: "Normalize" norm_param { channel_shared: false }', [IMAGES], [(3,)]),
        ('type: "Normalize" norm_param { }', [IMAGES], [()]),
    ],
)
def test_parameter_shapes(layer: str, bottoms: list[Shape], shapes: list[Shape]) -> None:
    assert [blob.shape for blob in net_of(layer, *bottoms).params.get("layer", [])] == shapes


def test_an_untrained_coefficient_gets_no_gradient() -> None:
    single = SingleLayer(variant(SCALE, "channels_and_bias"))
    single.layer.trains = [False, True]
    single.forward(single.case.make_bottoms())
    _, (scale, bias) = single.backward([np.ones(IMAGES)])
    assert not scale.any()
    assert bias.all()


def test_vectors_have_length_one() -> None:
    (y,) = SingleLayer(variant(NORMALIZE, "channels")).forward(variant(NORMALIZE, "channels").make_bottoms())
    np.testing.assert_allclose(np.linalg.norm(y, axis=1), 1, rtol=1e-5)


def test_a_zero_vector_stays_zero() -> None:
    single = SingleLayer(variant(NORMALIZE, "vectors"))
    (y,) = single.forward([np.zeros((5, 4))])
    (dx,), _ = single.backward([np.ones((5, 4))])
    assert not y.any()
    np.testing.assert_allclose(dx, 1000, rtol=1e-5)


@pytest.mark.parametrize(
    ("layer", "bottoms", "code", "at", "expected", "actual"),
    [
        ('type: "BatchNorm"\nparam { lr_mult: 1 }', [IMAGES], "NC121", "lr_mult: 1", "0", "1"),
        ('type: "BatchNorm"', [()], "NC122", 'bottom: "b0"', "(N, C, ...)", "()"),
        ('type: "BatchNorm" batch_norm_param { }\n' + "param { } " * 4, [IMAGES], "NC111", "param", "at most 3", "4"),
        ('type: "LRN"\nlrn_param { local_size: 4 }', [IMAGES], "NC121", "local_size: 4", "an odd number", "4"),
        ('type: "LRN"\nlrn_param { local_size: 0 }', [IMAGES], "NC121", "local_size: 0", "an odd number", "0"),
        ('type: "LRN"', [(2, 3)], "NC122", 'bottom: "b0"', "4 axes, (N, C, H, W)", "(2, 3)"),
        ('type: "MVN"', [()], "NC122", 'bottom: "b0"', "(N, C, ...)", "()"),
        ('type: "Scale"\nscale_param { axis: 4 }', [IMAGES], "NC123", "axis: 4", "-4 to 3", "4"),
        (
            'type: "Scale" scale_param {\nnum_axes: 4 }',
            [IMAGES],
            "NC121",
            "num_axes: 4",
            "-1 to 3 from axis 1 of (2, 3, 4, 3)",
            "4",
        ),
        (
            'type: "Scale" scale_param {\nnum_axes: -2 axis: 3 }',
            [IMAGES],
            "NC121",
            "num_axes: -2",
            "-1 to 1 from axis 3 of (2, 3, 4, 3)",
            "-2",
        ),
        (
            'type: "Scale"',
            [IMAGES, (3, 3)],
            "NC124",
            'bottom: "b1"',
            "the axes of (2, 3, 4, 3) from axis 1 on, one or more, such as (3,)",
            "(3, 3)",
        ),
        (
            'type: "Bias" bias_param { axis: 2 }',
            [IMAGES, (4, 3, 1)],
            "NC124",
            'bottom: "b1"',
            "the axes of (2, 3, 4, 3) from axis 2 on, one or more, such as (4,)",
            "(4, 3, 1)",
        ),
        ('type: "Bias"\nbias_param { axis: -5 }', [IMAGES], "NC123", "axis: -5", "-4 to 3", "-5"),
        ('type: "Normalize"', [(5,)], "NC122", 'bottom: "b0"', "(N, C, ...)", "(5,)"),
    ],
)
def test_illegal_settings(layer: str, bottoms: list[Shape], code: str, at: str, expected: str, actual: str) -> None:
    finding, text = finding_of(layer, *bottoms)
    assert (finding.code, finding.expected, finding.actual) == (code, expected, actual)
    assert text.startswith(at)


@pytest.mark.parametrize(
    "layer",
    [
        'type: "Scale" scale_param {\nfiller { type: "gausian" } }',
        'type: "Scale" scale_param { bias_term: true\nbias_filler { type: "gausian" } }',
        'type: "Bias" bias_param {\nfiller { type: "gausian" } }',
        'type: "Normalize" norm_param {\nscale_filler { type: "gausian" } }',
    ],
)
def test_an_unknown_filler_is_named_where_it_stands(layer: str) -> None:
    finding, text = finding_of(layer, IMAGES)
    assert (finding.code, finding.suggestion) == ("NC127", "gaussian")
    assert text.split()[0].endswith("filler")


@pytest.mark.parametrize("type_name", ["LRN", "Normalize"])
def test_no_working_in_place_where_the_input_would_be_lost(type_name: str) -> None:
    finding, _ = finding_of(f'type: "{type_name}" top: "b0"', IMAGES)
    assert finding.code == "NC107"
