"""InnerProduct beyond the table: many shapes against matrix products, transpose, parameters, errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from google.protobuf import text_format
from layer_case import Bottom, LayerCase
from single_layer import SingleLayer

from netcli.errors import ConfigError
from netcli.layers.layer import Layer, LayerContext
from netcli.layers.registry import layer_types
from netcli.prototxt import LayerSource
from netcli.runtime.blob import PLAIN, Shape
from netcli.schema import caffe_pb2 as pb


def case(shape: Shape, text: str) -> LayerCase:
    oracle = "oracle_inner_product:inner_product"
    return LayerCase("InnerProduct", "extra", oracle, f"inner_product_param {{ {text} }}", (Bottom(shape),))


def layer(text: str) -> Layer:
    param = text_format.Parse(f'name: "ip" type: "InnerProduct" inner_product_param {{ {text} }}', pb.LayerParameter())
    return layer_types()["InnerProduct"](LayerSource(param, None), LayerContext())


SMALL = [((1, 7), 3), ((5, 3, 5, 3), 17), ((17, 20), 10), ((33, 50, 4, 4), 70), ((5, 1), 1), ((17, 1, 3, 3), 8)]
LARGE = [((17, 3, 50, 95), 37), ((20, 3303), 160), ((5, 3303), 160)]
"""Weights of more than 4 MB, whose columns are too far apart to be read down; no size is a multiple of a tile's."""


@pytest.mark.parametrize("transpose", ["false", "true"])
@pytest.mark.parametrize(("shape", "outputs"), [*SMALL, *LARGE])
def test_all_passes_equal_matrix_products(shape: Shape, outputs: int, transpose: str) -> None:
    checked = case(shape, f"num_output: {outputs} transpose: {transpose}")
    single = SingleLayer(checked, np.float64)
    (x,) = checked.make_bottoms()
    (top,) = single.forward([x])
    weights, bias = single.params
    rows = x.reshape(shape[0], -1)
    matrix = weights.T if transpose == "true" else weights
    np.testing.assert_allclose(top, rows @ matrix.T + bias, rtol=1e-9, atol=1e-9)
    dy = np.random.default_rng(1).standard_normal(top.shape)
    (dx,), (dw, db) = single.backward([dy])
    np.testing.assert_allclose(dx, (dy @ matrix).reshape(shape), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(dw.T if transpose == "true" else dw, dy.T @ rows, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(db, dy.sum(axis=0), rtol=1e-9, atol=1e-9)


def test_weights_changed_between_passes_count() -> None:
    single = SingleLayer(case((5, 7), "num_output: 3 bias_term: false"))
    x = np.ones((5, 7))
    single.forward([x])
    single.layer.params[0].values.update(PLAIN).fill(2)
    (top,) = single.forward([x])
    assert (top == 14).all()


def test_normalize_rescales_the_weights_themselves_and_backward_takes_them_as_they_are() -> None:
    checked = case((5, 7), "num_output: 3 bias_term: false normalize: true")
    single = SingleLayer(checked, np.float64)
    (x,) = checked.make_bottoms()
    unit = single.params[0] / np.linalg.norm(single.params[0], axis=1, keepdims=True)
    for _ in range(2):
        (top,) = single.forward([x])
        np.testing.assert_allclose(single.params[0], unit, rtol=1e-9)
        np.testing.assert_allclose(top, x @ unit.T, rtol=1e-9)
    dy = np.random.default_rng(1).standard_normal(top.shape)
    (dx,), (dw,) = single.backward([dy])
    np.testing.assert_allclose(dx, dy @ unit, rtol=1e-9)
    np.testing.assert_allclose(dw, dy.T @ x, rtol=1e-9)


def test_normalize_leaves_the_weights_alone_in_a_test() -> None:
    checked = replace(case((5, 7), "num_output: 3 bias_term: false normalize: true"), phase=pb.TEST)
    single = SingleLayer(checked, np.float64)
    before = single.params[0].copy()
    unit = before / np.linalg.norm(before, axis=1, keepdims=True)
    (x,) = checked.make_bottoms()
    (top,) = single.forward([x])
    np.testing.assert_allclose(top, x @ unit.T, rtol=1e-9)
    np.testing.assert_array_equal(single.params[0], before)
    (dx,), _ = single.backward([np.ones(top.shape)])
    np.testing.assert_allclose(dx, np.ones(top.shape) @ unit, rtol=1e-9)


def test_normalize_leaves_rows_of_zeros_alone() -> None:
    single = SingleLayer(case((5, 7), "num_output: 3 bias_term: false normalize: true"))
    single.layer.params[0].values.write(PLAIN).fill(0)
    (top,) = single.forward([np.ones((5, 7))])
    assert not top.any()


@pytest.mark.parametrize(
    ("text", "shape", "top", "params"),
    [
        ("num_output: 500", (64, 50, 4, 4), (64, 500), [(500, 800), (500,)]),
        ("num_output: 5 transpose: true", (2, 3, 4), (2, 5), [(12, 5), (5,)]),
        ("num_output: 5 axis: 2 bias_term: false", (2, 3, 4, 5), (2, 3, 5), [(5, 20)]),
        ("num_output: 5 axis: -1", (2, 3, 4), (2, 3, 5), [(5, 4), (5,)]),
        ("num_output: 5 axis: 0", (2, 3), (5,), [(5, 6), (5,)]),
    ],
)
def test_shapes(text: str, shape: Shape, top: Shape, params: list[Shape]) -> None:
    made = layer(text)
    assert made.setup([shape]) == [top]
    assert [d.shape for d in made.declarations] == params
    assert made.macs([shape], [top]) == np.prod(top) * (np.prod(params[0]) // 5 if 5 in params[0] else 800)


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", "NC120", "num_output is missing"),
        ("num_output: 0", "NC120", "num_output is missing"),
        ("num_output: 3 axis: 3", "NC123", "axis out of range, expected -3 to 2, actual 3"),
        ("num_output: 3 normalize: true transpose: true", "NC126", "normalize and transpose exclude each other"),
    ],
)
def test_errors(text: str, code: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        layer(text).setup([(2, 3, 4)])
    assert caught.value.code == code
    assert says in str(caught.value)


def test_the_filler_is_the_one_named() -> None:
    made = layer("num_output: 2 weight_filler { type: 'xavier' } bias_filler { value: 3 }")
    made.setup([(2, 3)])
    assert [d.filler.type for d in made.declarations] == ["xavier", "constant"]
    assert made.declarations[1].filler.value == 3
