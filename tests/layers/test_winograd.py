"""Winograd's convolution: gradients, values, all ways through it, and when it is taken."""

from __future__ import annotations

import numpy as np
import pytest
from gradient_check import check_gradients
from layer_case import Bottom, LayerCase
from single_layer import SingleLayer

from netcli.layers.convolution.lane_product import LaneProduct
from netcli.layers.convolution.windowed_product import WindowedProduct
from netcli.layers.convolution.winograd import product
from netcli.layers.convolution.winograd.geometry import is_faster
from netcli.layers.convolution.winograd.product import WinogradProduct
from netcli.layers.windows import Windows
from netcli.runtime.blob import Shape
from netcli.runtime.cpu import lane_count

BATCHES = (1, 2, lane_count() + 1)
GEOMETRIES = {
    "one tile": ((1, 2, 6, 6), "num_output: 3 kernel_size: 3"),
    "padded": ((1, 2, 4, 5), "num_output: 2 kernel_size: 3 pad: 1"),
    "pad 2": ((1, 1, 3, 2), "num_output: 2 kernel_size: 3 pad: 2"),
    "pads of their own": ((1, 1, 5, 4), "num_output: 1 kernel_size: 3 pad_h: 0 pad_w: 2"),
    "groups": ((1, 4, 5, 3), "num_output: 6 kernel_size: 3 pad: 1 group: 2 bias_term: false"),
    "a row": ((1, 3, 3, 9), "num_output: 2 kernel_size: 3"),
}
WIDE = {
    "odd": ((1, 19, 9, 7), "num_output: 37 kernel_size: 3 pad: 1"),
    "groups": ((1, 34, 6, 5), "num_output: 38 kernel_size: 3 pad: 1 group: 2"),
    "unpadded": ((1, 5, 13, 6), "num_output: 65 kernel_size: 3"),
}


@pytest.fixture(params=["sums of each chunk", "sums of all tiles"])
def always(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Winograd in lanes wherever it can be, and both ways to its weight gradient."""
    monkeypatch.setattr(WindowedProduct, "_is_small", lambda self, images: False)
    monkeypatch.setattr(WindowedProduct, "_product_class", lambda self, image_groups: WinogradProduct)
    if request.param == "sums of all tiles":
        monkeypatch.setattr(product, "LARGE_SUMS", 0)
        monkeypatch.setattr(product, "TILES_IN_ALL", 3)


def case(geometry: tuple[Shape, str], batch: int) -> LayerCase:
    shape, text = geometry
    return LayerCase(
        "Convolution",
        "winograd",
        "oracle_convolution:convolution",
        f"convolution_param {{ {text} }}",
        (Bottom((batch, *shape[1:])),),
    )


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("name", GEOMETRIES)
def test_gradients(name: str) -> None:
    assert check_gradients(case(GEOMETRIES[name], 1)) > 0


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize(
    "geometry", [*GEOMETRIES.values(), *WIDE.values()], ids=[*GEOMETRIES, *(f"wide {n}" for n in WIDE)]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_the_sum_as_it_stands(
    geometry: tuple[Shape, str], batch: int, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values and both gradients, against the oracle and against the plain sum."""
    checked = case(geometry, batch)
    bottoms = checked.make_bottoms()
    results = []
    for kind in (WinogradProduct, LaneProduct):
        monkeypatch.setattr(WindowedProduct, "_product_class", lambda self, groups, kind=kind: kind)
        single = SingleLayer(checked, dtype)
        tops = single.forward(bottoms)
        by_bottom, by_param = single.backward([np.cos(np.arange(tops[0].size)).reshape(tops[0].shape)])
        results.append([*tops, *by_bottom, *by_param])
    results[1][0] = checked.expected_tops(bottoms, [p.astype(np.float64) for p in single.params])[0]
    tolerance = 1e-5 if dtype is np.float32 else 1e-12
    for mine, expected in zip(*results, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=0, atol=tolerance * max(1.0, np.abs(expected).max()))


@pytest.mark.usefixtures("always")
def test_a_nan_stays_in_its_image() -> None:
    checked = case(WIDE["odd"], 5)
    (x,) = checked.make_bottoms()
    x[2, 1, 0, 0] = np.nan
    (top,) = SingleLayer(checked).forward([x])
    assert np.isnan(top[2]).any()
    assert np.isfinite(np.delete(top, 2, axis=0)).all()


def square(size: int, *, kernel: int = 3, stride: int = 1, pad: int = 1, dilation: int = 1) -> Windows:
    output = (size + 2 * pad - (kernel - 1) * dilation - 1) // stride + 1
    return Windows((size,) * 2, (output,) * 2, (kernel,) * 2, (stride,) * 2, (pad,) * 2, (dilation,) * 2)


@pytest.mark.parametrize(
    ("windows", "channels", "outputs", "groups", "expected"),
    [
        (square(56), 64, 64, 1, True),
        (square(14), 256, 256, 1, True),
        (square(56), 64, 64, 64, False),
        (square(56), 3, 2, 1, False),
        (square(2), 256, 256, 1, False),
        (square(56, kernel=5, pad=2), 64, 64, 1, False),
        (square(56, stride=2), 64, 64, 1, False),
        (square(56, pad=2, dilation=2), 64, 64, 1, False),
        (square(56, pad=3), 64, 64, 1, False),
        (Windows((56,), (56,), (3,), (1,), (1,), (1,)), 64, 64, 1, False),
    ],
)
def test_when_it_is_taken(windows: Windows, channels: int, outputs: int, groups: int, expected: bool) -> None:
    assert is_faster(windows, channels, outputs, groups, 2) is expected


@pytest.mark.parametrize(("engine", "expected"), [("", WinogradProduct), ("engine: CAFFE", LaneProduct)])
def test_the_engine_caffe_asks_for_the_plain_sum(engine: str, expected: type) -> None:
    images = lane_count()
    checked = case(((images, 64, 24, 24), f"num_output: 64 kernel_size: 3 pad: 1 {engine}"), images)
    layer = checked.layer(np.float32)
    layer.setup(checked.bottom_shapes(None))
    assert isinstance(layer, WindowedProduct)
    assert type(layer.ready_for((images, 64, 24, 24)).product) is expected
