"""Convolution beyond the table: many shapes, both gradients by directions, threads, errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from layer_case import Bottom, LayerCase
from oracle_convolution import convolution
from single_layer import SingleLayer

from netcli.errors import ConfigError
from netcli.layers.layer import LayerContext
from netcli.layers.registry import layer_types
from netcli.prototxt import LayerSource, load_net
from netcli.runtime.blob import Shape
from netcli.runtime.threads import set_threads
from netcli.schema import caffe_pb2 as pb


def case(shape: Shape, text: str, bottoms: int = 1) -> LayerCase:
    return LayerCase(
        "Convolution",
        "extra",
        "oracle_convolution:convolution",
        f"convolution_param {{ {text} }}",
        (Bottom(shape),) * bottoms,
        bottoms,
    )


def setup(text: str, *shapes: Shape) -> list[Shape]:
    param = text_format.Parse(f'name: "c" type: "Convolution" convolution_param {{ {text} }}', pb.LayerParameter())
    return layer_types()["Convolution"](LayerSource(param, None), LayerContext()).setup(shapes)


SHAPES = [
    ((1, 1, 9, 7), "num_output: 20 kernel_size: 5"),
    ((5, 3, 6, 7), "num_output: 17 kernel_size: 3 pad: 1"),
    ((17, 20, 5, 3), "num_output: 10 kernel_size: 3 pad: 2 stride: 2"),
    ((33, 3, 5, 5), "num_output: 8 kernel_size: 3 dilation: 2 pad: 2"),
    ((17, 20, 3, 3), "num_output: 40 kernel_size: 2 group: 4"),
    ((33, 20, 3, 5), "num_output: 20 kernel_size: 3 pad: 1 group: 20"),
    ((5, 20, 1, 1), "num_output: 70 kernel_size: 1"),
    ((5, 3, 4, 3), "num_output: 9 kernel_h: 4 kernel_w: 3"),
    ((5, 3, 11), "num_output: 9 kernel_size: 4 stride: 3 pad: 3"),
    ((17, 20, 4, 5), "num_output: 50 kernel_size: 3"),
    ((17, 16, 4, 5), "num_output: 36 kernel_size: 3 pad: 1 stride: 2 group: 2"),
    ((33, 3, 6, 6), "num_output: 24 kernel_size: 5 pad: 2"),
    ((17, 2, 3, 4, 3), "num_output: 3 kernel_size: [2, 3, 1] pad: [1, 1, 0]"),
]


@pytest.mark.parametrize(("shape", "text"), SHAPES)
def test_values_equal_the_oracle(shape: Shape, text: str) -> None:
    checked = case(shape, text)
    single = SingleLayer(checked)
    bottoms = checked.make_bottoms()
    (top,) = single.forward(bottoms)
    (expected,) = checked.expected_tops(bottoms, [p.astype(np.float64) for p in single.params])
    np.testing.assert_allclose(top, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(("shape", "text"), SHAPES)
def test_gradients_are_the_adjoint_of_the_oracle(shape: Shape, text: str) -> None:
    """<dx, v> = <dy, w * v> and <dw, u> = <dy, u * x> for any v and u, since y is linear in x and in w."""
    checked = case(shape, text)
    single = SingleLayer(checked, np.float64)
    (x,) = checked.make_bottoms()
    single.forward([x])
    rng = np.random.default_rng(3)
    dy = rng.standard_normal(single.tops[0].shape)
    (dx,), (dw, db) = single.backward([dy])
    zero = np.zeros(dw.shape[0])
    for _ in range(3):
        v, u = rng.standard_normal(x.shape), rng.standard_normal(dw.shape)
        (along_x,) = convolution(checked.param(), [v], [single.params[0], zero])
        (along_w,) = convolution(checked.param(), [x], [u, zero])
        np.testing.assert_allclose((dx * v).sum(), (dy * along_x).sum(), rtol=1e-10, atol=1e-9)
        np.testing.assert_allclose((dw * u).sum(), (dy * along_w).sum(), rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(db, dy.sum(axis=(0, *range(2, dy.ndim))), rtol=1e-10, atol=1e-10)


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    checked = case((33, 6, 9, 9), "num_output: 20 kernel_size: 3 pad: 1 group: 2")
    bottoms = checked.make_bottoms()
    results = []
    try:
        for threads in (1, None):
            set_threads(threads)
            single = SingleLayer(checked)
            tops = single.forward(bottoms)
            by_bottom, by_param = single.backward([np.cos(tops[0])])
            results.append(tops + by_bottom + by_param)
    finally:
        set_threads(None)
    for one, all_of_them in zip(*results, strict=True):
        np.testing.assert_array_equal(one, all_of_them)


def test_a_nan_stays_in_its_image() -> None:
    checked = case((5, 2, 4, 4), "num_output: 3 kernel_size: 3")
    (x,) = checked.make_bottoms()
    x[2, 1, 0, 0] = np.nan
    (top,) = SingleLayer(checked).forward([x])
    assert np.isnan(top[2]).any()
    assert np.isfinite(np.delete(top, 2, axis=0)).all()


def test_a_nan_stays_in_the_windows_that_hold_it() -> None:
    checked = case((1, 1, 6, 6), "num_output: 1 kernel_size: 3")
    (x,) = checked.make_bottoms()
    x[0, 0, 0, 0] = np.nan
    (top,) = SingleLayer(checked).forward([x])
    assert np.argwhere(np.isnan(top)).tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("text", "shape", "expected"),
    [
        ("num_output: 96 kernel_size: 11 stride: 4", (1, 3, 227, 227), (1, 96, 55, 55)),
        ("num_output: 2 kernel_size: 3 stride: 2", (1, 1, 6, 7), (1, 2, 2, 3)),
        ("num_output: 2 kernel_size: 3 pad: 6 dilation: 6", (1, 1, 9, 9), (1, 2, 9, 9)),
        ("num_output: 2 kernel_size: 1 axis: 0", (3, 4, 5), (2, 4, 5)),
        ("num_output: 2 kernel_size: [1, 3] axis: -3", (7, 3, 4, 5), (7, 2, 4, 3)),
        ("num_output: 2 kernel_size: 3 force_nd_im2col: true engine: CAFFE", (1, 1, 3, 3), (1, 2, 1, 1)),
    ],
)
def test_shapes(text: str, shape: Shape, expected: Shape) -> None:
    assert setup(text, shape) == [expected]


def test_parameters_and_macs() -> None:
    checked = case((2, 6, 5, 5), "num_output: 4 kernel_h: 3 kernel_w: 2 group: 2 weight_filler { type: 'xavier' }")
    layer = checked.layer()
    tops = layer.setup(checked.bottom_shapes())
    assert [d.shape for d in layer.declarations] == [(4, 3, 3, 2), (4,)]
    assert [d.filler.type for d in layer.declarations] == ["xavier", "constant"]
    assert layer.macs(checked.bottom_shapes(), tops) == 2 * 4 * (3 * 4) * 3 * 6


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("kernel_size: 3", "NC120", "num_output is missing"),
        ("num_output: 0 kernel_size: 3", "NC120", "num_output is missing"),
        ("num_output: 2", "NC120", "kernel_size is missing"),
        ("num_output: 2 kernel_h: 3", "NC120", "kernel_w is missing beside kernel_h"),
        ("num_output: 2 kernel_size: 3 kernel_h: 3 kernel_w: 3", "NC126", "kernel_size and kernel_h exclude"),
        ("num_output: 2 kernel_size: 3 stride: 1 stride_w: 2", "NC126", "stride and stride_w exclude"),
        ("num_output: 2 kernel_size: 3 pad: 1 pad_h: 2", "NC126", "pad and pad_h exclude"),
        ("num_output: 2 kernel_size: 0", "NC121", "kernel_size is 0"),
        ("num_output: 2 kernel_h: 0 kernel_w: 1", "NC121", "kernel_h is 0"),
        ("num_output: 2 kernel_size: 3 stride: 0", "NC121", "stride is 0"),
        ("num_output: 2 kernel_size: 3 dilation: 0", "NC121", "dilation is 0"),
        ("num_output: 2 kernel_size: 3 group: 0", "NC121", "group is 0"),
        ("num_output: 4 kernel_size: 3 group: 2", "NC121", "group does not divide the channels of the bottom"),
        ("num_output: 4 kernel_size: 3 group: 3", "NC121", "group does not divide the num_output"),
        ("num_output: 2 kernel_size: [3, 3, 3]", "NC121", "wrong number of kernel_size values"),
        ("num_output: 2 kernel_size: 3 pad: [1, 1, 1]", "NC121", "wrong number of pad values"),
        ("num_output: 2 kernel_size: 6", "NC121", "kernel larger than the padded input, expected at most 5, actual 6"),
        ("num_output: 2 kernel_size: 3 dilation: 3", "NC121", "kernel larger than the padded input"),
        ("num_output: 2 kernel_size: 3 axis: 4", "NC123", "axis out of range"),
    ],
)
def test_errors(text: str, code: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        setup(text, (2, 3, 5, 5))
    assert caught.value.code == code
    assert says in str(caught.value)
    assert "layer 'c' (Convolution)" in str(caught.value)


def test_kernel_h_needs_two_axes() -> None:
    with pytest.raises(ConfigError, match="kernel_h needs two spatial axes"):
        setup("num_output: 2 kernel_h: 3 kernel_w: 3", (2, 3, 5, 5, 5))


def test_bottoms_must_agree() -> None:
    with pytest.raises(ConfigError, match="all bottoms must have one shape") as caught:
        setup("num_output: 2 kernel_size: 1", (2, 3, 5, 5), (2, 3, 5, 4))
    assert caught.value.code == "NC124"


def test_an_error_stands_at_its_field(tmp_path: Path) -> None:
    file = tmp_path / "net.prototxt"
    file.write_text(
        'layer {\n  name: "c"\n  type: "Convolution"\n  bottom: "x"\n  top: "y"\n'
        "  convolution_param {\n    num_output: 2\n    kernel_size: 9\n  }\n}\n"
    )
    layer = layer_types()["Convolution"](load_net(file).layers()[0], LayerContext())
    with pytest.raises(ConfigError, match=r"net\.prototxt:8:"):
        layer.setup([(1, 1, 5, 5)])
