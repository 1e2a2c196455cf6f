"""Maps between the coordinates of tops, and the crops that follow from them."""

# Users of pycaffe write dict(a=b).
# ruff: noqa: C408

from __future__ import annotations

import numpy as np
import pytest

from netcli.errors import RunError
from netcli.pycaffe import layers as L
from netcli.pycaffe.coord_map import (
    AxisMismatchException,
    UndefinedMapException,
    compose,
    coord_map,
    coord_map_from_to,
    crop,
    inverse,
)


def data():
    return L.Input(shape=dict(dim=[1, 3, 100, 100]))


def conv(bottom, **sizes):
    return L.Convolution(bottom, num_output=2, **({"kernel_size": 3} | sizes))


def plain(mapping):
    """A map whose numbers are numbers."""
    axis, a, b = mapping
    return axis, float(np.squeeze(a)), float(np.squeeze(b))


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (lambda x: conv(x), (1, 1, -1)),
        (lambda x: conv(x, pad=1), (1, 1, 0)),
        (lambda x: conv(x, kernel_size=5, stride=2, pad=2), (1, 0.5, 0)),
        (lambda x: conv(x, dilation=2), (1, 1, -2)),
        (lambda x: L.Convolution(x, convolution_param=dict(kernel_size=[3], num_output=1)), (1, 1, -1)),
        (lambda x: L.Pooling(x, kernel_size=2, stride=2), (1, 0.5, -0.25)),
        (lambda x: L.Deconvolution(x, convolution_param=dict(kernel_size=4, stride=2, num_output=1)), (1, 2, 1.5)),
        (lambda x: L.ReLU(x), (None, 1, 0)),
        (lambda x: L.Crop(x, x, crop_param=dict(axis=2, offset=[5])), (1, 1, -5)),
        (lambda x: L.Crop(x, x), (1, 1, 0)),
    ],
)
def test_single_layers(layer, expected):
    assert plain(coord_map(layer(data()).fn)) == expected


def test_a_deconvolution_undoes_a_convolution():
    x = data()
    there = coord_map(conv(x, kernel_size=4, stride=2, pad=1).fn)
    back = coord_map(L.Deconvolution(x, kernel_size=4, stride=2, pad=1, num_output=1).fn)
    assert plain(compose(back, there)) == (1, 1, 0)
    assert plain(compose(there, inverse(there))) == (1, 1, 0)


def test_both_ways_through_a_net():
    x = data()
    deep = L.Pooling(L.ReLU(conv(x, pad=100)), kernel_size=2, stride=2)
    assert plain(coord_map_from_to(deep, x)) == (1, 2, 0.5 - 99)
    assert plain(coord_map_from_to(x, deep)) == (1, 0.5, (99 - 0.5) / 2)
    assert plain(coord_map_from_to(x, x)) == (None, 1, 0)


def test_the_crop_of_a_fully_convolutional_net():
    """As FCN-32s: far padding, five poolings, one deconvolution; Long et al. crop by 19."""
    x = data()
    top = conv(x, pad=100)
    for _ in range(5):
        top = L.Pooling(conv(top, pad=1), kernel_size=2, stride=2)
    score = conv(conv(top, kernel_size=7), kernel_size=1)
    upscored = L.Deconvolution(score, convolution_param=dict(num_output=2, kernel_size=64, stride=32))
    cropped = crop(upscored, x)
    assert cropped.fn.type_name == "Crop"
    assert cropped.fn.inputs == (upscored, x)
    assert cropped.fn.params["crop_param"] == {"axis": 2, "offset": [19]}


def test_offsets_for_each_axis():
    x = data()
    assert crop(conv(x, kernel_size=[1, 3], pad=[4, 7]), x).fn.params["crop_param"]["offset"] == [4, 6]


@pytest.mark.parametrize(
    ("top", "message"),
    [
        (lambda x: conv(x, stride=2), "cannot change the scale, expected a = 1, actual a ="),
        (lambda x: conv(x), "cannot have a negative offset"),
        (lambda x: conv(x, kernel_size=2, pad=1), "cannot have a fractional offset"),
        (lambda x: L.InnerProduct(x, num_output=2), "no spatial layers lead from one blob to both"),
        (lambda x: L.Pooling(x, global_pooling=True), "no spatial layers lead from one blob to both"),
        (lambda x: L.Pooling(x, kernel_h=2, kernel_w=2), "its sizes are lists, .* actual kernel_h, kernel_w"),
    ],
)
def test_what_no_crop_can_do(top, message):
    x = data()
    with pytest.raises(RunError, match=message) as caught:
        crop(top(x), x)
    assert caught.value.code == "NC592"


def test_errors_have_pycaffes_names():
    with pytest.raises(UndefinedMapException):
        coord_map(L.InnerProduct(data(), num_output=2).fn)
    with pytest.raises(AxisMismatchException, match="expected 1, actual 2"):
        compose((1, 1, 0), (2, 1, 0))
