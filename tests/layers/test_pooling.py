"""Pooling beyond the table: sizes as Caffe rounds them, ties, NaN, many shapes, errors."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format
from layer_case import Bottom, LayerCase, well_apart
from one_layer_net import finding_of, net_of
from single_layer import SingleLayer

from netcli.errors import ConfigError
from netcli.layers.layer import LayerContext
from netcli.layers.registry import layer_types
from netcli.prototxt import LayerSource
from netcli.runtime.blob import Shape
from netcli.schema import caffe_pb2 as pb


def case(shape: Shape, text: str, tops: int = 1) -> LayerCase:
    return LayerCase(
        "Pooling", "extra", "oracle_pooling:pooling", f"pooling_param {{ {text} }}", (Bottom(shape, well_apart),), tops
    )


def setup(text: str, shape: Shape, tops: int = 1) -> list[Shape]:
    param = text_format.Parse(f'name: "p" type: "Pooling" pooling_param {{ {text} }}', pb.LayerParameter())
    param.top.extend("yz"[:tops])
    return layer_types()["Pooling"](LayerSource(param, None), LayerContext()).setup([shape])


@pytest.mark.parametrize("method", ["MAX", "AVE"])
@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((1, 1, 7, 9), "kernel_size: 3 stride: 2"),
        ((5, 3, 8, 8), "kernel_size: 3 stride: 2 pad: 1"),
        ((17, 20, 4, 4), "kernel_size: 2 stride: 2"),
        ((33, 3, 5, 5), "kernel_size: 4 pad: 3"),
        ((5, 20, 7, 6), "global_pooling: true"),
        ((5, 2, 6, 6), "kernel_size: 2 stride: 4"),
    ],
)
def test_values_and_gradients(shape: Shape, text: str, method: str) -> None:
    checked = case(shape, f"{text} pool: {method}")
    single = SingleLayer(checked)
    (x,) = checked.make_bottoms()
    (top,) = single.forward([x])
    (expected,) = checked.expected_tops([x], [])
    np.testing.assert_allclose(top, expected, rtol=1e-5, atol=1e-5)
    dy = np.random.default_rng(1).standard_normal(top.shape)
    ((dx,), _) = single.backward([dy])
    step = 1e-2 * np.random.default_rng(2).standard_normal(x.shape)
    (above,), (below,) = checked.expected_tops([x + step], []), checked.expected_tops([x - step], [])
    np.testing.assert_allclose((dx * step).sum(), (dy * (above - below)).sum() / 2, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        ("kernel_size: 2 stride: 2", 5, 3),
        ("kernel_size: 2 stride: 2 round_mode: FLOOR", 5, 2),
        ("kernel_size: 2 stride: 2 ceil_mode: false", 5, 2),
        ("kernel_size: 2 stride: 2 ceil_mode: true round_mode: FLOOR", 5, 3),
        ("kernel_size: 3 stride: 2", 112, 56),
        ("kernel_size: 3 stride: 2 pad: 1", 7, 4),
        ("kernel_size: 2 stride: 2 pad: 1", 5, 3),
        ("kernel_size: 2 stride: 2 pad: 1", 6, 4),
        ("kernel_size: 2 stride: 3 pad: 1", 5, 2),
        ("kernel_size: 3 stride: 2", 2, 1),
        ("kernel_size: 1 stride: 2", 4, 3),
    ],
)
def test_output_sizes(text: str, size: int, expected: int) -> None:
    assert setup(text, (1, 2, size, size)) == [(1, 2, expected, expected)]


def test_the_first_of_equal_values_is_chosen() -> None:
    single = SingleLayer(case((1, 1, 2, 4), "kernel_size: 2 stride: 2", 2))
    x = np.array([[0.0, 5, 3, 3], [5, 5, 3, 3]]).reshape(1, 1, 2, 4)
    top, mask = single.forward([x])
    assert top.ravel().tolist() == [5, 3]
    assert mask.ravel().tolist() == [1, 2]
    ((dx,), _) = single.backward([np.array([10.0, 20]).reshape(top.shape), np.zeros(mask.shape)])
    assert dx.ravel().tolist() == [0, 10, 20, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("position", range(4))
def test_a_nan_in_a_window_is_its_maximum(position: int) -> None:
    single = SingleLayer(case((2, 1, 2, 2), "kernel_size: 2", 2))
    x = np.arange(8.0).reshape(2, 1, 2, 2)
    x[0].reshape(-1)[position] = np.nan
    top, mask = single.forward([x])
    assert np.isnan(top[0, 0, 0, 0])
    assert mask.ravel().tolist() == [position, 3]
    ((dx,), _) = single.backward([np.ones(top.shape), np.zeros(mask.shape)])
    assert dx[0].sum() == dx[0].reshape(-1)[position] == 1


def test_nothing_but_nan_or_infinity_does_no_harm() -> None:
    for value in (np.nan, -np.inf, np.inf):
        single = SingleLayer(case((1, 1, 3, 3), "kernel_size: 2 pad: 1", 2))
        top, mask = single.forward([np.full((1, 1, 3, 3), value)])
        np.testing.assert_array_equal(top, np.full(top.shape, value))
        assert mask.min() >= 0
        assert mask.max() < 9
        ((dx,), _) = single.backward([np.ones(top.shape), np.zeros(mask.shape)])
        assert dx.sum() == top.size


def test_average_counts_the_padding_but_not_what_lies_behind_it() -> None:
    single = SingleLayer(case((1, 1, 3, 3), "pool: AVE kernel_size: 3 stride: 2 pad: 1"))
    (top,) = single.forward([np.ones((1, 1, 3, 3))])
    np.testing.assert_allclose(top[0, 0], np.array([[4, 4], [4, 4]]) / 9, rtol=1e-6)
    single = SingleLayer(case((1, 1, 4, 4), "pool: AVE kernel_size: 3 stride: 2"))
    (top,) = single.forward([np.ones((1, 1, 4, 4))])
    np.testing.assert_allclose(top, 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", "NC120", "kernel_size is missing"),
        ("kernel_w: 2", "NC120", "kernel_h is missing beside kernel_w"),
        ("kernel_size: 2 stride_h: 2", "NC120", "stride_w is missing beside stride_h"),
        ("kernel_size: 2 kernel_h: 2 kernel_w: 2", "NC126", "kernel_size and kernel_h exclude"),
        ("kernel_size: 2 stride: 2 stride_h: 2", "NC126", "stride and stride_h exclude"),
        ("kernel_size: 3 pad: 1 pad_w: 1", "NC126", "pad and pad_w exclude"),
        ("global_pooling: true kernel_size: 2", "NC126", "global_pooling and kernel_size exclude"),
        ("global_pooling: true pad: 1", "NC126", "global_pooling and pad exclude"),
        ("global_pooling: true stride: 2", "NC126", "global_pooling and stride exclude"),
        ("kernel_size: 0", "NC121", "kernel_size is 0"),
        ("kernel_size: 2 stride: 0", "NC121", "stride is 0"),
        ("kernel_size: 2 pad: 2", "NC121", "pad must be smaller than the kernel, expected below 2, actual 2"),
        ("kernel_size: 6", "NC121", "kernel larger than the padded input, expected at most 5, actual 6"),
        ("kernel_size: 6 stride: 2 round_mode: FLOOR", "NC121", "kernel larger than the padded input"),
        ("kernel_size: 2 pad: 1 pool: STOCHASTIC", "NC126", "STOCHASTIC pooling and pad exclude each other"),
        ("kernel_h: 2 kernel_w: 2 pad_h: 0 pad_w: 1 pool: STOCHASTIC", "NC126", "STOCHASTIC pooling and pad_w exclude"),
    ],
)
def test_errors(text: str, code: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        setup(text, (2, 3, 5, 5))
    assert caught.value.code == code
    assert says in str(caught.value)
    assert "layer 'p' (Pooling)" in str(caught.value)


def test_global_pooling_accepts_what_changes_nothing() -> None:
    assert setup("global_pooling: true stride: 1 pad: 0", (2, 3, 5, 4)) == [(2, 3, 1, 1)]


def test_only_images_are_pooled() -> None:
    with pytest.raises(ConfigError, match="must be") as caught:
        setup("kernel_size: 2", (2, 3, 5))
    assert caught.value.code == "NC122"


@pytest.mark.parametrize("method", ["AVE", "STOCHASTIC"])
def test_only_a_maximum_has_a_mask(method: str) -> None:
    with pytest.raises(ConfigError, match="only MAX pooling has a mask") as caught:
        setup(f"pool: {method} kernel_size: 2", (2, 3, 5, 5), tops=2)
    assert caught.value.code == "NC103"


def test_draws_have_the_values_as_probabilities_and_differ_from_pass_to_pass() -> None:
    x = np.tile([0.0, 1.0, 2.0, 5.0], 5000).reshape(50, 100, 2, 2)
    single = SingleLayer(case(x.shape, "pool: STOCHASTIC kernel_size: 2"))
    (top,) = single.forward([x])
    shares = [(top == value).mean() for value in (0, 1, 2, 5)]
    np.testing.assert_allclose(shares, [0, 1 / 8, 2 / 8, 5 / 8], atol=0.02)
    (again,) = single.forward([x])
    np.testing.assert_array_equal(again, top)
    single.layer.context.pass_index += 1
    (other,) = single.forward([x])
    assert 0.3 < (other == top).mean() < 0.7
    ((dx,), _) = single.backward([np.ones(top.shape)])
    np.testing.assert_array_equal(dx.reshape(-1, 4).argmax(axis=1), np.searchsorted([0, 1, 2, 5], other.reshape(-1)))
    np.testing.assert_array_equal(dx.reshape(-1, 4).sum(axis=1), 1)


@pytest.mark.parametrize("phase", [pb.TRAIN, pb.TEST])
def test_stochastic_pooling_of_zeros_and_of_nan(phase: int) -> None:
    stochastic = LayerCase(
        "Pooling",
        "extra",
        "",
        "pooling_param { pool: STOCHASTIC kernel_size: 2 }",
        (Bottom((2, 1, 2, 2)),),
        phase=phase,
    )
    single = SingleLayer(stochastic)
    x = np.zeros((2, 1, 2, 2))
    x[1, 0, 1, 0] = np.nan
    (top,) = single.forward([x])
    assert top[0] == 0
    assert np.isnan(top[1])
    single.backward([np.zeros(top.shape)])


@pytest.mark.parametrize(
    ("text", "shape", "code", "says", "field"),
    [
        ("", (2, 3, 5, 5), "NC120", "pyramid_height is missing", ""),
        (
            "pyramid_height: 4",
            (2, 3, 5, 5),
            "NC121",
            "the image is too small for the pyramid, expected at most 2 for 5 x 5 pixels, actual 4",
            "pyramid_height: 4",
        ),
        ("pyramid_height: 4000000000", (2, 3, 8, 8), "NC121", "expected at most 4", "pyramid_height: 4000000000"),
        ("pyramid_height: 2", (2, 3, 5), "NC122", "the bottom must be (N, C, H, W)", 'bottom: "b0"'),
        (
            "pyramid_height: 2 pool: STOCHASTIC",
            (2, 3, 5, 4),
            "NC126",
            "STOCHASTIC pooling takes no padding, which level 1 of this image needs",
            "pool: STOCHASTIC",
        ),
    ],
)
def test_errors_of_spp(text: str, shape: Shape, code: str, says: str, field: str) -> None:
    finding, at = finding_of(f'type: "SPP" spp_param {{ {text} }}', shape)
    assert finding.code == code
    assert says in str(finding)
    assert at.startswith(field)


def test_spp_gives_vectors_of_one_length() -> None:
    for size in ((8, 8), (13, 16), (7, 9)):
        assert net_of('type: "SPP" spp_param { pyramid_height: 3 }', (2, 3, *size)).blobs["t0"].shape == (2, 63)
    net = net_of('type: "SPP" spp_param { pyramid_height: 2 pool: STOCHASTIC }', (2, 3, 4, 4))
    net.blobs["b0"].data[...] = 0.5
    net.forward()
    net.blobs["t0"].diff[...] = 1
    net.backward()
    assert (net.blobs["t0"].data == 0.5).all()
    np.testing.assert_array_equal(net.blobs["b0"].diff.sum(axis=(2, 3)), 5)
