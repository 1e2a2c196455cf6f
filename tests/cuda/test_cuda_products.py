"""Products of matrices and with sliding windows: every storage, more than a tile, and a depth that is split."""

from __future__ import annotations

import os

import numpy as np
import pytest

from netcli.layers.windows import Windows, inputs_by_tap

pytestmark = [pytest.mark.cuda_sim, pytest.mark.gpu]

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
SHAPES = (
    [(5, 3, 7), (9, 17, 6), (3, 5, 270)] if SIMULATED else [(5, 3, 7), (300, 500, 70), (64, 500, 4000), (1024,) * 3]
)


@pytest.fixture
def scratch():
    from netcli.runtime.cuda.memory import device_zeros

    arrays = {}

    def get(name, size):
        if name not in arrays or arrays[name].size < size:
            arrays[name] = device_zeros(size)
            arrays[name].fill(np.nan)
        return arrays[name].at(0, size)

    return get


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("a_transposed", "b_transposed"), [(False, False), (False, True), (True, False)])
@pytest.mark.parametrize("adds", [False, True])
def test_products_equal_numpys(shape, a_transposed, b_transposed, adds, scratch):
    from netcli.runtime.cuda.gemm import multiply
    from netcli.runtime.cuda.memory import device_array

    rows, columns, depth = shape
    rng = np.random.default_rng(1)
    a, b, bias, before = (
        rng.standard_normal(size).astype(np.float32)
        for size in ((rows, depth), (depth, columns), (columns,), (rows, columns))
    )
    out = device_array(before)
    multiply(
        device_array(a.T if a_transposed else a), device_array(b.T if b_transposed else b), out, shape, scratch,
        a_transposed=a_transposed, b_transposed=b_transposed, bias=device_array(bias) if adds else None,
        accumulate=adds,
    )  # fmt: skip
    expected = a.astype(np.float64) @ b + (bias + before if adds else 0)
    np.testing.assert_allclose(out.to_host().reshape(rows, columns), expected, rtol=1e-5, atol=1e-5 * depth**0.5)


def test_the_depth_of_one_of_these_shapes_is_split():
    from netcli.runtime.cuda.device import current
    from netcli.runtime.cuda.tiles import best_tile, splits_of

    rows, columns, depth = SHAPES[2]
    tile = best_tile(rows, columns, 1, current().multiprocessors)
    assert splits_of(tile, rows, columns, 1, depth, current().multiprocessors) > 1


def test_parts_of_a_split_depth_cover_it_without_an_empty_one():
    from netcli.runtime.cuda.tiles import TILES, split_depth

    for depth in (1, 7, 64, 65, 1000):
        for wanted in (1, 2, 3, 7):
            part, splits = split_depth(depth, wanted, TILES[0])
            assert splits <= wanted
            assert part % TILES[0].depth == 0
            assert (splits - 1) * part < depth <= splits * part


def test_the_tile_fits_the_result():
    from netcli.runtime.cuda.tiles import Tile, best_tile

    large, flat, small = (Tile(r, c, 8, 8, 8, 4, e) for r, c, e in ((128, 128, 1.0), (32, 128, 0.75), (32, 32, 0.5)))
    tiles = (large, flat, small)
    assert best_tile(4096, 4096, 1, 132, tiles) is large
    assert best_tile(20, 40_000, 1, 132, tiles) is flat
    assert best_tile(64, 500, 1, 132, tiles) is small


def assert_near(got, expected) -> None:
    """Sums of many terms, in another order."""
    np.testing.assert_allclose(got.to_host(), expected.reshape(-1), rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def same_everywhere(size: int, kernel: int, stride: int, pad: int) -> Windows:
    """Square windows over a square."""
    made = (size + 2 * pad - kernel) // stride + 1
    return Windows((size, size), (made, made), (kernel, kernel), (stride, stride), (pad, pad), (1, 1))


WINDOWS = {
    "strided": (Windows((9, 8), (5, 4), (3, 3), (2, 2), (1, 1), (1, 1)), 4, 6, 1),
    "dilated": (Windows((6, 7), (4, 5), (3, 2), (1, 1), (1, 0), (2, 2)), 2, 10, 2),
    "depthwise": (Windows((5, 6), (5, 6), (3, 3), (1, 1), (1, 1), (1, 1)), 3, 3, 3),
}
if not SIMULATED:
    # Each kind of tile, and what nets have: LeNet, CaffeNet, SphereFace-20.
    WINDOWS |= {
        "lenet conv1": (same_everywhere(28, 5, 1, 0), 1, 20, 1),
        "lenet conv2": (same_everywhere(12, 5, 1, 0), 20, 50, 1),
        "caffenet conv1": (same_everywhere(227, 11, 4, 0), 3, 96, 1),
        "caffenet conv2": (same_everywhere(27, 5, 1, 2), 96, 256, 2),
        "sphereface conv3": (same_everywhere(28, 3, 2, 1), 128, 256, 1),
        "pointwise": (same_everywhere(14, 1, 1, 0), 96, 200, 1),
    }


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("way", ["gathered while multiplied", "written out"])
def test_a_convolution_and_its_gradients(name, way, scratch):
    from netcli.layers.convolution.cuda.columns import ColumnsProduct
    from netcli.layers.convolution.cuda.own import OwnProduct
    from netcli.runtime.cuda.memory import device_array, device_zeros

    windows, channels, outputs, groups = WINDOWS[name]
    # So many images that a depth is split.
    images, rng = (7 if name == "dilated" else 2), np.random.default_rng(2)
    x, weights, dy = (
        rng.standard_normal(shape)
        for shape in (
            (images, channels, windows.input_positions),
            (groups, outputs // groups, channels // groups, windows.taps),
            (images, groups, outputs // groups, windows.output_positions),
        )
    )
    table = inputs_by_tap(windows)
    columns = np.where(table >= 0, x[:, :, table], 0).reshape(images, groups, -1, *table.shape)
    x_device, w_device, dy_device = (device_array(array.astype(np.float32)) for array in (x, weights, dy))
    if way == "written out":
        product = ColumnsProduct(windows, channels, outputs, groups, scratch, most=columns.size // 2)
    else:
        product = OwnProduct(windows, channels, outputs, groups, scratch)

    y = device_zeros(dy.size)
    product.forward(images, x_device, w_device, None, y)
    expected = np.einsum("ngcpt,gkct->ngkp", columns, weights, optimize=True)
    assert_near(y, expected)

    gradient = device_zeros(weights.size)
    gradient.fill(1)
    product.backward_weights(images, x_device, dy_device, gradient)
    expected = 1 + np.einsum("ngcpt,ngkp->gkct", columns, dy, optimize=True)
    assert_near(gradient, expected)

    dx = device_zeros(x.size)
    dx.fill(np.nan)
    product.backward_data(images, dy_device, w_device, None, dx)
    # Moving x a little moves the sum of y dy by dx.
    moved = rng.standard_normal(x.shape)
    moved_columns = np.where(table >= 0, moved[:, :, table], 0).reshape(columns.shape)
    change = np.sum(np.einsum("ngcpt,gkct->ngkp", moved_columns, weights, optimize=True) * dy)
    scale = np.abs(dx.to_host() * moved.reshape(-1)).sum()
    assert abs(np.sum(dx.to_host() * moved.reshape(-1)) - change) < 1e-5 * scale
