"""Values carried between scattered places and rows of lanes, against NumPy's indexing."""

from __future__ import annotations

import numpy as np
import pytest
from numba import TypingError

from netcli.runtime.jit import LANES, kernel
from netcli.runtime.patches import gather_rows, largest_of_places, scatter_rows, sum_of_places

TYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
STEP, START, FIRST = 50, 3, 2


@kernel
def gather(plain, places, count, rows):
    gather_rows(plain, START, STEP, places, FIRST, count, rows, LANES)


@kernel
def scatter(rows, count, plain, places):
    scatter_rows(rows, LANES, count, plain, START, STEP, places, FIRST)


def some_places() -> np.ndarray:
    """No two alike; the first and every third of those that count are absent."""
    places = np.random.default_rng(0).permutation(STEP)[: FIRST + LANES].astype(np.int32)
    places[FIRST::3] = -1
    return places


@TYPES
@pytest.mark.parametrize("count", [0, 1, 5])
def test_gather(dtype: type, count: int) -> None:
    plain, places = np.arange(START + 5 * STEP, dtype=dtype) + 1, some_places()
    rows = np.full((7, LANES), -7, dtype)
    expected = rows.copy()
    for i in range(count):
        for lane, place in enumerate(places[FIRST:]):
            expected[1 + i, lane] = plain[START + i * STEP + place] if place >= 0 else 0
    gather(plain, places, count, rows.reshape(-1))
    np.testing.assert_array_equal(rows, expected)


@TYPES
@pytest.mark.parametrize("count", [0, 1, 5])
def test_scatter(dtype: type, count: int) -> None:
    rows, places = np.arange(7 * LANES, dtype=dtype).reshape(7, LANES) + 1, some_places()
    plain = np.full(START + 5 * STEP, -7, dtype)
    expected = plain.copy()
    for i in range(count):
        for lane, place in enumerate(places[FIRST:]):
            if place >= 0:
                expected[START + i * STEP + place] = rows[1 + i, lane]
    scatter(rows.reshape(-1), count, plain, places)
    np.testing.assert_array_equal(plain, expected)


def test_arrays_of_two_types_do_not_compile() -> None:
    with pytest.raises(TypingError):
        gather(np.zeros(300, np.float32), some_places(), 1, np.zeros(3 * LANES))


@kernel
def largest(plain, places, count, lowest, values, chosen):
    largest_of_places(plain, START, places, FIRST, count, lowest, values, chosen, LANES)


@kernel
def total(plain, places, count, sums):
    sum_of_places(plain, START, places, FIRST, count, sums, LANES)


@TYPES
@pytest.mark.parametrize("count", [0, 1, 5])
def test_largest_and_sum(dtype: type, count: int) -> None:
    """Of equals the first counts, of those that are no numbers the last."""
    rng = np.random.default_rng(1)
    plain = rng.integers(0, 4, START + STEP).astype(dtype)
    plain[START + 7 : START + 9] = np.nan
    table = rng.integers(-1, STEP, (5, LANES)).astype(np.int32)
    table[0, 0], table[:, 1], table[1:4, 2] = -1, -1, (7, 3, 8)
    places = np.append(np.zeros(FIRST, np.int32), table.ravel())
    values, sums = np.full(3 * LANES, -7, dtype), np.full(3 * LANES, -7, dtype)
    chosen = np.full(3 * LANES, -7, np.int32)
    expected, expected_sums, expected_chosen = values.copy(), sums.copy(), chosen.copy()
    for lane in range(LANES):
        best, where, whole = dtype(-9), -1, dtype(0)
        for place in table[:count, lane]:
            if place >= 0:
                value = plain[START + place]
                whole += value
                if where < 0 or value > best or np.isnan(value):
                    best, where = value, place
        expected[LANES + lane], expected_chosen[LANES + lane], expected_sums[LANES + lane] = best, where, whole
    largest(plain, places, count, dtype(-9), values, chosen)
    total(plain, places, count, sums)
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(chosen, expected_chosen)
    np.testing.assert_array_equal(sums, expected_sums)
