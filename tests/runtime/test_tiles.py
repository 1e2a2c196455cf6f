"""The register tiles against NumPy, for every height, on the lanes that are set."""

from __future__ import annotations

import numpy as np
import pytest

from netcli.runtime.jit import LANES, kernel
from netcli.runtime.tiles import COLUMN_VECTORS, correlate_tile, multiply_tile, tile_height, transpose_block

COLUMNS = COLUMN_VECTORS * LANES
WEIGHT_STEP, ROW_STEP = LANES + 3, COLUMNS + 5
TYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@kernel
def multiply(height, weights, x, starts, runs, first, last, bias, y, targets):
    multiply_tile(
        height,
        weights,
        WEIGHT_STEP,
        WEIGHT_STEP,
        x,
        starts[0],
        starts[1],
        runs,
        first,
        last,
        bias,
        1,
        y,
        targets[0],
        targets[1],
        2 * LANES,
    )


@kernel
def correlate(height, vectors, x, offsets, first, count, transposed, out):
    correlate_tile(
        height, vectors, x, LANES, offsets, first, count, transposed, ROW_STEP, LANES * ROW_STEP, ROW_STEP, out,
        COLUMNS, 2 * COLUMNS,
    )  # fmt: skip


@kernel
def transpose(source, step, rows, target, columns):
    transpose_block(source, 1, step, rows, target, 2, LANES + 1, columns)


def close(got: np.ndarray, expected: np.ndarray) -> None:
    tolerance = 1e-5 if got.dtype == np.float32 else 1e-13
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max(initial=1))


@TYPES
def test_multiply(dtype: type) -> None:
    """Runs of 0, 1 and more rows, with and without a second position, at every height."""
    rng = np.random.default_rng(0)
    runs = np.array([[9, 9, 9, 9], [0, 3, 2, 5], [3, 0, 0, 0], [4, 5, -1, 1], [9, 1, 7, -1], [9, 9, 9, 9]], np.int32)
    weights = rng.standard_normal((12, WEIGHT_STEP)).astype(dtype)
    x = rng.standard_normal((20, LANES)).astype(dtype)
    starts, targets = (3, 8), (2, 31)
    for height in range(1, tile_height(dtype) + 1):
        bias = rng.standard_normal(height + 1).astype(dtype)
        y = np.full((60, LANES), 7, dtype)
        expected = y.astype(np.float64)
        for pixel in range(2):
            rows = np.tile(bias[1:, None].astype(np.float64), LANES)
            for j, count, *places in runs[1:5].tolist():
                for i in range(count if places[pixel] >= 0 else 0):
                    value = x[starts[pixel] + places[pixel] + i]
                    rows += weights[1 + j + i, :height, None].astype(np.float64) * value
            expected[targets[pixel] : targets[pixel] + 2 * height : 2] = rows
        at = np.array([starts, targets]) * LANES
        multiply(height, weights.ravel(), x.ravel(), at[0], runs.ravel(), 1, 5, bias, y.reshape(-1), at[1])
        close(y, expected)


@TYPES
@pytest.mark.parametrize("vectors", [1, 2])
def test_correlate(dtype: type, vectors: int) -> None:
    rng = np.random.default_rng(1)
    offsets = np.array([99, 4, -1, 0, 11], np.int32)
    x = rng.standard_normal((40, LANES)).astype(dtype)
    transposed = rng.standard_normal((1 + 4 * LANES, ROW_STEP)).astype(dtype)
    for height in range(1, tile_height(dtype) + 1):
        out = rng.standard_normal((2 * height + 2, COLUMNS)).astype(dtype)
        expected = out.astype(np.float64)
        for item, offset in enumerate(offsets[1:]):
            if offset >= 0:
                rows = transposed[1 + item * LANES : 1 + (item + 1) * LANES, : vectors * LANES].astype(np.float64)
                expected[1 : 1 + 2 * height : 2, : vectors * LANES] += x[1 + offset : 1 + offset + height] @ rows
        correlate(height, vectors, x.ravel(), offsets, 1, 4, transposed.ravel(), out.reshape(-1))
        close(out, expected)


def test_nothing_to_sum_up_leaves_the_bias_and_the_sums() -> None:
    y, out = np.zeros(2 * LANES, np.float32), np.ones(3 * COLUMNS, np.float32)
    x, bias = np.full(8 * COLUMNS, np.nan, np.float32), np.array([0, 3], np.float32)
    at = np.array([0, LANES])
    multiply(1, x, x, at, np.full(4, -1, np.int32), 0, 0, bias, y, at)
    assert (y == 3).all()
    correlate(1, 1, x, np.array([-1, -1], np.int32), 0, 2, x, out)
    assert (out == 1).all()


@TYPES
def test_transpose(dtype: type) -> None:
    """All sizes; what stands beyond the columns stays."""
    source = np.arange(1 + LANES * (LANES + 3)).astype(dtype)
    square = source[1:].reshape(LANES, LANES + 3)
    for rows in range(1, LANES + 1):
        for columns in range(LANES + 1):
            target = np.full(2 + LANES * (LANES + 1) + LANES, -1, dtype)
            transpose(source, LANES + 3, rows, target, columns)
            for j in range(columns):
                begin = 2 + j * (LANES + 1)
                np.testing.assert_array_equal(target[begin : begin + rows], square[:rows, j])
            assert (target[2 + columns * (LANES + 1) :] == -1).all()
            assert (target[:2] == -1).all()
