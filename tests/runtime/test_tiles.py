"""The register tiles against NumPy, for every height, on the lanes that are set."""

from __future__ import annotations

import numpy as np
import pytest

from netcli.runtime.jit import LANES, kernel
from netcli.runtime.tiles import (
    COLUMN_VECTORS,
    correlate_lanes,
    correlate_rows,
    multiply_tiles,
    prepare,
    prepare_correlate_lanes,
    tile_height,
    tile_side,
    transpose_block,
)


@pytest.fixture(autouse=True, scope="module")
def prepared() -> None:
    """Names that kernels from the cache expect."""
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        prepare(dtype)
        prepare_correlate_lanes(dtype)


COLUMNS = COLUMN_VECTORS * LANES
WEIGHT_STEP, ROW_STEP = LANES + 3, COLUMNS + 5
TYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@kernel
def multiply(height, weights, x, x_step, x_row_step, runs, starts, run_step, pairs, most, bias, slopes, bends, added,
             adds, y, y_step):  # fmt: skip
    multiply_tiles(
        height, weights, WEIGHT_STEP, WEIGHT_STEP, x, LANES, x_step, x_row_step, runs, starts, run_step, pairs, 1,
        len(pairs) // 2, most, bias, slopes, bends, 1, added, adds, y, 2 * LANES, y_step, 2 * LANES,
    )  # fmt: skip


@kernel
def correlate(rows, height, vectors, x, offsets, first, count, transposed, out):
    correlate_rows(
        rows, height, vectors, x, LANES, offsets, first, count, transposed, ROW_STEP, LANES * ROW_STEP, ROW_STEP, out,
        COLUMNS, 2 * COLUMNS,
    )  # fmt: skip


@kernel
def correlate_by_lanes(rows, outputs, side, x, offsets, first, count, dy, out):
    correlate_lanes(
        rows, outputs, side, x, LANES, offsets, first, count, dy, 2 * LANES, (outputs + 1) * LANES, out, LANES,
        (outputs + 2) * LANES,
    )  # fmt: skip


@kernel
def transpose(source, step, rows, target, columns):
    transpose_block(source, 1, step, rows, target, 2, LANES + 1, columns)


def close(got: np.ndarray, expected: np.ndarray) -> None:
    tolerance = 1e-5 if got.dtype == np.float32 else 1e-13
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max(initial=1))


@TYPES
@pytest.mark.parametrize("shared", [False, True], ids=["runs of each pair", "runs for all"])
@pytest.mark.parametrize("bends", [0, 1], ids=["straight", "bent"])
@pytest.mark.parametrize("adds", [0, 1], ids=["alone", "added to"])
def test_multiply(dtype: type, shared: bool, bends: int, adds: int) -> None:
    """Runs of 0, 1 and more rows, with and without a second position, at every height; the last pair has one tile.

    Rows of x stand anywhere.
    """
    rng = np.random.default_rng(0)
    x_step, x_row_step = 4 * LANES, LANES + 3
    runs = np.array(
        [[9, 9, 9, 9], [0, 3, 21, 55], [3, 0, 0, 0], [4, 5, -1, 16], [9, 1, 71, -1], [1, 2, 0, 0]], np.int32
    )
    if shared:
        runs[:, 3] = runs[:, 2]
    starts = np.array([1, 5] if shared else [0, 1, 5, 6], np.int32)
    pairs, most = np.array([[9, 9], [0, 2], [3, 4]], np.int32), 3
    weights = rng.standard_normal((12, WEIGHT_STEP)).astype(dtype)
    x = rng.standard_normal(30 * LANES + 100).astype(dtype)
    for height in range(1, tile_height(dtype) + 1):
        bias, slopes = rng.standard_normal((2, height + 1)).astype(dtype)
        y = np.full((4 * 30 + 2, LANES), 7, dtype)
        added = rng.standard_normal(y.shape).astype(dtype)
        expected = y.astype(np.float64)
        for pair, tiles in ((1, (0, 2)), (2, (3, 3))):
            own = runs[1:5] if shared else runs[starts[pair] : starts[pair + 1]]
            for pixel, tile in enumerate(tiles):
                rows = np.tile(bias[1:, None].astype(np.float64), LANES)
                for j, count, *places in own.tolist():
                    for i in range(count if places[pixel] >= 0 else 0):
                        value = x[LANES + x_step * tile + places[pixel] + i * x_row_step :][:LANES]
                        rows += weights[1 + j + i, :height, None].astype(np.float64) * value
                if adds:
                    rows += added[2 + 30 * tile : 2 + 30 * tile + 2 * height : 2]
                if bends:
                    rows = np.where(rows > 0, rows, slopes[1:, None] * rows)
                expected[2 + 30 * tile : 2 + 30 * tile + 2 * height : 2] = rows
        multiply(
            height, weights.ravel(), x, x_step, x_row_step, runs.ravel(), starts, 0 if shared else 1, pairs.ravel(),
            most, bias, slopes, bends, added.reshape(-1), adds, y.reshape(-1), 30 * LANES,
        )  # fmt: skip
        close(y, expected)


@TYPES
@pytest.mark.parametrize("vectors", [1, 2])
def test_correlate(dtype: type, vectors: int) -> None:
    rng = np.random.default_rng(1)
    offsets = np.array([99, 4, -1, 0, 11], np.int32)
    height = tile_height(dtype)
    x = rng.standard_normal((20 + 2 * height + 2, LANES)).astype(dtype)
    transposed = rng.standard_normal((1 + 4 * LANES, ROW_STEP)).astype(dtype)
    for rows in range(1, 2 * height + 2):
        out = rng.standard_normal((2 * rows + 2, COLUMNS)).astype(dtype)
        expected = out.astype(np.float64)
        for item, offset in enumerate(offsets[1:]):
            if offset >= 0:
                values = transposed[1 + item * LANES : 1 + (item + 1) * LANES, : vectors * LANES].astype(np.float64)
                expected[1 : 1 + 2 * rows : 2, : vectors * LANES] += x[1 + offset : 1 + offset + rows] @ values
        correlate(rows, height, vectors, x.ravel(), offsets, 1, 4, transposed.ravel(), out.reshape(-1))
        close(out, expected)


@TYPES
def test_correlate_by_lanes(dtype: type) -> None:
    """Every size of a tile, and sides that take two; an item that is left out."""
    rng = np.random.default_rng(2)
    offsets, side = np.array([99, 4, -1, 0, 11], np.int32), tile_side(dtype)
    for rows in range(1, 2 * side + 1):
        for outputs in range(1, 2 * side + 1):
            x = rng.standard_normal((1 + 11 + rows, LANES)).astype(dtype)
            dy = rng.standard_normal((2 + 4 * (outputs + 1), LANES)).astype(dtype)
            out = rng.standard_normal((1 + rows * (outputs + 2), LANES)).astype(dtype)
            expected = out.astype(np.float64)
            own = expected[1:].reshape(rows, outputs + 2, LANES)[:, :outputs]
            for item, offset in enumerate(offsets[1:]):
                if offset >= 0:
                    own += x[1 + offset :][:rows, None] * dy[2 + item * (outputs + 1) :][:outputs].astype(np.float64)
            correlate_by_lanes(rows, outputs, side, x.ravel(), offsets, 1, 4, dy.ravel(), out.reshape(-1))
            close(out, expected)


def test_nothing_to_sum_up_leaves_the_bias_and_the_sums() -> None:
    y, out = np.zeros(6 * LANES, np.float32), np.ones(3 * COLUMNS, np.float32)
    x, bias = np.full(8 * COLUMNS * LANES, np.nan, np.float32), np.array([0, 3], np.float32)
    no_runs, pairs = np.zeros(3, np.int32), np.array([0, 0, 0, 1], np.int32)
    multiply(1, x, x, LANES, LANES, np.full(4, -1, np.int32), no_runs, 1, pairs, 1, bias, bias, 0, y, 0, y, LANES)
    assert (y[2 * LANES : 4 * LANES] == 3).all()
    correlate(1, 1, 1, x, np.array([-1, -1], np.int32), 0, 2, x, out)
    correlate_by_lanes(1, 1, 1, x, np.array([-1, -1], np.int32), 2, 0, x, out)
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
