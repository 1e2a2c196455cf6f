"""Deconvolution, depthwise convolution and Im2col beyond the table: as parts of convolutions, shapes, errors."""

from __future__ import annotations

import numpy as np
import pytest
from layer_case import Bottom, LayerCase
from one_layer_net import finding_of, net_of
from single_layer import SingleLayer

from netcli.runtime.blob import PLAIN, Shape

IMAGE = (2, 4, 5, 6)


def single(type_name: str, text: str, shape: Shape) -> SingleLayer:
    return SingleLayer(
        LayerCase(type_name, "extra", "", f"convolution_param {{ {text} }}", (Bottom(shape),)), np.float64
    )


@pytest.mark.parametrize(
    ("shape", "outputs", "text"),
    [
        ((17, 20, 3, 4), 30, "kernel_size: 3 stride: 2 pad: 1"),
        ((3, 8, 4, 4), 16, "kernel_size: 4 stride: 2 pad: 1 group: 4"),
        ((33, 3, 2, 2), 9, "kernel_size: 2 dilation: 2"),
    ],
)
def test_it_is_the_adjoint_of_the_convolution(shape: Shape, outputs: int, text: str) -> None:
    up = single("Deconvolution", f"{text} bias_term: false num_output: {outputs}", shape)
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape)
    (y,) = up.forward([x])
    down = single("Convolution", f"{text} bias_term: false num_output: {shape[1]}", y.shape)
    assert down.params[0].shape == up.params[0].shape
    down.layer.params[0].values.write(PLAIN)[...] = up.params[0]
    z = rng.standard_normal(y.shape)
    (back,) = down.forward([z])
    assert back.shape == x.shape
    np.testing.assert_allclose((y * z).sum(), (x * back).sum(), rtol=1e-9)
    (dx,), (dw,) = up.backward([z])
    np.testing.assert_allclose(dx, back, rtol=1e-9, atol=1e-9)
    _, (expected,) = down.backward([x])
    np.testing.assert_allclose(dw, expected, rtol=1e-9, atol=1e-9)


def test_a_convolution_is_im2col_and_a_matrix_product() -> None:
    fields = "kernel_size: 3 stride: 2 pad: 1"
    shape = (17, 3, 6, 5)
    whole = single("Convolution", f"num_output: 4 {fields} bias_term: false", shape)
    x = np.random.default_rng(1).standard_normal(shape)
    (y,) = whole.forward([x])
    (columns,) = single("Im2col", fields, shape).forward([x])
    np.testing.assert_allclose(y, np.einsum("kc,nchw->nkhw", whole.params[0].reshape(4, -1), columns), rtol=1e-9)


def test_macs_are_those_of_the_convolution_with_the_same_windows() -> None:
    made = single("Deconvolution", "num_output: 6 kernel_size: 3 stride: 2 group: 2", IMAGE)
    assert made.layer.macs([IMAGE], [made.tops[0].shape]) == 2 * 4 * 5 * 6 * (6 // 2) * 9


@pytest.mark.parametrize(
    ("layer", "top", "params"),
    [
        ('type: "Deconvolution" convolution_param { num_output: 6 kernel_size: 4 stride: 2 pad: 1 }', (2, 6, 10, 12),
         [(4, 6, 4, 4), (6,)]),
        ('type: "Deconvolution" convolution_param { num_output: 6 kernel_size: 3 group: 2 bias_term: false }',
         (2, 6, 7, 8), [(4, 3, 3, 3)]),
        ('type: "ConvolutionDepthwise" convolution_param { kernel_size: 3 stride: 2 pad: 1 }', (2, 4, 3, 3),
         [(4, 1, 3, 3), (4,)]),
        ('type: "DepthwiseConvolution" convolution_param { num_output: 4 group: 4 kernel_size: 3 }', (2, 4, 3, 4),
         [(4, 1, 3, 3), (4,)]),
        ('type: "Im2col" convolution_param { kernel_h: 3 kernel_w: 2 }', (2, 24, 3, 5), []),
    ],
)  # fmt: skip
def test_shapes(layer: str, top: Shape, params: list[Shape]) -> None:
    net = net_of(layer, IMAGE)
    assert net.blobs["t0"].shape == top
    assert [blob.shape for blob in net.params.get("layer", [])] == params


@pytest.mark.parametrize(
    ("layer", "code", "says", "field"),
    [
        ('type: "Deconvolution" convolution_param { kernel_size: 3 }', "NC120", "num_output is missing", ""),
        ('type: "Deconvolution" convolution_param { num_output: 3 }', "NC120", "kernel_size is missing", ""),
        (
            'type: "Deconvolution" convolution_param { num_output: 3 kernel_size: 3 group: 2 }',
            "NC121",
            "group does not divide the num_output, expected a divisor of 3, actual 2",
            "group: 2",
        ),
        (
            'type: "Deconvolution" convolution_param { num_output: 3 kernel_size: 3 group: 3 }',
            "NC121",
            "group does not divide the channels of the bottom, expected a divisor of 4, actual 3",
            "group: 3",
        ),
        (
            'type: "Deconvolution" convolution_param { num_output: 3 kernel_size: 2 pad: 3 }',
            "NC121",
            "pad takes all of the output away, expected at most 2, actual 3",
            "pad: 3",
        ),
        (
            'type: "ConvolutionDepthwise" convolution_param { num_output: 8 kernel_size: 3 }',
            "NC121",
            "num_output must be the number of channels, expected 4, or nothing, actual 8",
            "num_output: 8",
        ),
        (
            'type: "DepthwiseConvolution" convolution_param { num_output: 4 group: 2 kernel_size: 3 }',
            "NC121",
            "group must be the number of channels, expected 4, or nothing, actual 2",
            "group: 2",
        ),
        (
            'type: "Im2col" convolution_param { kernel_size: 7 }',
            "NC121",
            "kernel larger than the padded input, expected at most 5, actual 7",
            "kernel_size: 7",
        ),
        ('type: "Im2col" convolution_param { kernel_size: 3 axis: 4 }', "NC123", "axis out of range", "axis: 4"),
    ],
)
def test_errors(layer: str, code: str, says: str, field: str) -> None:
    finding, at = finding_of(layer, IMAGE)
    assert finding.code == code
    assert says in str(finding)
    assert at.startswith(field)
