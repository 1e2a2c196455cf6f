"""Batches that would leave most lanes empty: tiles of every size in the lanes, and weights kept between passes."""

from __future__ import annotations

import numpy as np
import pytest
from layer_case import Bottom, LayerCase
from single_layer import SingleLayer

from netcli.layers.convolution import windowed_product
from netcli.layers.convolution.few_images import tiling
from netcli.layers.convolution.few_images.pointwise import is_pointwise
from netcli.layers.convolution.few_images.product import TiledProduct
from netcli.layers.convolution.few_images.tiling import best_tiling, fills_few_lanes
from netcli.layers.convolution.lane_product import LaneProduct
from netcli.layers.convolution.windowed_product import WindowedProduct
from netcli.layers.convolution.winograd import geometry as winograd
from netcli.layers.convolution.winograd.product import WinogradProduct
from netcli.layers.windows import Windows
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb

GEOMETRIES = {
    "plain": ((3, 5, 6), "num_output: 4 kernel_size: 3"),
    "padded": ((2, 7, 5), "num_output: 3 kernel_size: 3 pad: 1"),
    "wide pad": ((2, 3, 4), "num_output: 2 kernel_size: 3 pad: 2"),
    "strided": ((3, 9, 8), "num_output: 5 kernel_size: 3 stride: 2 pad: 1"),
    "stride beyond the kernel": ((2, 9, 7), "num_output: 2 kernel_size: 2 stride: 3"),
    "dilated": ((2, 8, 9), "num_output: 3 kernel_size: 3 dilation: 2 pad: 2"),
    "one by one": ((5, 6, 7), "num_output: 7 kernel_size: 1"),
    "one by one in groups": ((6, 4, 4), "num_output: 4 kernel_size: 1 group: 2"),
    "one by one, one axis": ((3, 37), "num_output: 17 kernel_size: 1"),
    "of their own": ((2, 6, 5), "num_output: 3 kernel_h: 1 kernel_w: 4 pad_w: 3 stride_h: 2 stride_w: 1"),
    "groups": ((6, 5, 6), "num_output: 4 kernel_size: 3 pad: 1 group: 2"),
    "depthwise": ((4, 5, 6), "num_output: 4 kernel_size: 3 pad: 1 group: 4"),
    "one axis": ((3, 11), "num_output: 4 kernel_size: 3 pad: 1"),
    "three axes": ((2, 3, 4, 5), "num_output: 3 kernel_size: 2 pad: 1"),
}


def case(name: str, batch: int, phase: int = pb.TRAIN) -> LayerCase:
    shape, text = GEOMETRIES[name]
    oracle, settings = "oracle_convolution:convolution", f"convolution_param {{ {text} }}"
    return LayerCase("Convolution", "few", oracle, settings, (Bottom((batch, *shape)),), phase=phase)


def results(checked: LayerCase, dtype: type) -> list[np.ndarray]:
    """Top, gradients of bottom and parameters."""
    single = SingleLayer(checked, dtype)
    tops = single.forward(checked.make_bottoms())
    by_bottom, by_param = single.backward([np.cos(np.arange(tops[0].size)).reshape(tops[0].shape)])
    return [*tops, *by_bottom, *by_param]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("side", [1, 2, 4])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_tiles_are_what_lanes_of_images_are(
    name: str, side: int, batch: int, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiling, "_SIDES", (side,))
    monkeypatch.setattr(windowed_product, "is_pointwise", lambda windows, lanes: False)
    compare_with_lanes_of_images(case(name, batch), dtype, monkeypatch)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", ["one by one", "one by one in groups", "one by one, one axis"])
def test_neighbouring_positions_are_what_lanes_of_images_are(
    name: str, batch: int, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare_with_lanes_of_images(case(name, batch), dtype, monkeypatch)


def compare_with_lanes_of_images(checked: LayerCase, dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WindowedProduct, "_is_small", lambda self, images: True)
    small = results(checked, dtype)
    monkeypatch.setattr(WindowedProduct, "_is_small", lambda self, images: False)
    tolerance = 1e-5 if dtype is np.float32 else 1e-13
    for mine, expected in zip(small, results(checked, dtype), strict=True):
        np.testing.assert_allclose(mine, expected, rtol=0, atol=tolerance * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("name", ["plain", "padded", "wide pad", "groups"])
def test_tiles_by_winograd(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = case(name, 2)
    monkeypatch.setattr(WindowedProduct, "_is_small", lambda self, images: True)
    kinds = []
    for cycles in (0.0, np.inf):
        monkeypatch.setattr(winograd, "cycles", lambda *arguments, cycles=cycles: cycles)
        monkeypatch.setattr(tiling, "_PAIR_CYCLES", 1.0)
        kinds.append(results(checked, np.float64))
    for mine, expected in zip(*kinds, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=0, atol=1e-12 * max(1.0, np.abs(expected).max()))


def square(size: int, *, kernel: int = 3, stride: int = 1) -> Windows:
    pad = kernel // 2
    output = (size + 2 * pad - kernel) // stride + 1
    return Windows((size,) * 2, (output,) * 2, (kernel,) * 2, (stride,) * 2, (pad,) * 2, (1, 1))


@pytest.mark.parametrize(
    ("windows", "channels", "images", "kept", "by_winograd"),
    [
        (square(56), 64, 1, False, True),
        (square(28), 128, 8, False, True),
        (square(14), 256, 1, False, False),
        (square(14), 256, 1, True, True),
        (square(7), 512, 1, True, False),
        (square(56, kernel=1), 64, 1, True, False),
    ],
)
def test_which_tiles(windows: Windows, channels: int, images: int, kept: bool, by_winograd: bool) -> None:
    chosen = best_tiling(windows, channels, channels, 1, images, 16, False, kept)
    assert chosen.by_winograd is by_winograd
    assert not best_tiling(windows, channels, channels, 1, images, 16, True, kept).by_winograd
    product = TiledProduct(windows, channels, channels, 1, np.dtype(np.float32), images, chosen, lambda: None)
    assert type(product._product) in (WinogradProduct, LaneProduct)


@pytest.mark.parametrize(
    ("windows", "yes"),
    [
        (square(4, kernel=1), True),
        (square(3, kernel=1), False),
        (square(8, kernel=1, stride=2), False),
        (square(8), False),
        (Windows((4, 4), (6, 6), (1, 1), (1, 1), (1, 1), (1, 1)), False),
        (Windows.whole(()), False),
    ],
)
def test_what_is_pointwise(windows: Windows, yes: bool) -> None:
    assert is_pointwise(windows, 16) is yes


@pytest.mark.parametrize(
    ("images", "lanes", "few"),
    [(1, 16, True), (8, 16, True), (9, 16, False), (17, 16, False), (1, 4, True), (2, 4, True), (3, 4, False)],
)
def test_the_rule(images: int, lanes: int, few: bool) -> None:
    assert fills_few_lanes(images, lanes) is few


def forward(single: SingleLayer) -> np.ndarray:
    single.layer.forward(single.bottoms, single.tops)
    return single.tops[0].values.read(PLAIN).copy()


def test_kept_weights_are_packed_again_when_they_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WindowedProduct, "_is_small", lambda self, images: True)
    checked = case("padded", 1, pb.TEST)
    single = SingleLayer(checked)
    single.forward(checked.make_bottoms())
    weights, bias = single.layer.params
    bias.values.write(PLAIN)[...] = 0
    first = forward(single)
    assert (forward(single) == first).all()
    weights.values.update(PLAIN)[...] *= 2
    np.testing.assert_allclose(forward(single), 2 * first, rtol=1e-6)
    view = weights.data
    forward(single)
    view *= 2
    np.testing.assert_allclose(forward(single), 4 * first, rtol=1e-6)
    view *= 2
    np.testing.assert_allclose(forward(single), 8 * first, rtol=1e-6)


def test_weights_are_packed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WindowedProduct, "_is_small", lambda self, images: True)
    packings = []
    packed = LaneProduct.packed
    monkeypatch.setattr(LaneProduct, "packed", lambda self, *rest: packings.append(1) or packed(self, *rest))
    for phase, expected in ((pb.TEST, 1), (pb.TRAIN, 3)):
        checked = case("strided", 1, phase)
        single = SingleLayer(checked)
        single.forward(checked.make_bottoms())
        forward(single)
        forward(single)
        assert len(packings) == expected
        packings.clear()


def test_results_do_not_depend_on_the_others_in_the_batch() -> None:
    """A NaN stays in its image, though images share the lanes."""
    checked = case("padded", 3)
    (x,) = checked.make_bottoms()
    x[1, 0, 0, 0] = np.nan
    (top,) = SingleLayer(checked).forward([x])
    assert np.isnan(top[1]).any()
    assert np.isfinite(np.delete(top, 1, axis=0)).all()
