"""Rows of lanes as whole vectors, on the stack and off it."""

from __future__ import annotations

import numpy as np
import pytest
from numba import TypingError, carray

from netcli.runtime.jit import LANES, kernel
from netcli.runtime.vectors import add_product, add_scaled, stack_memory

_TWO_ROWS = 2 * LANES


@kernel
def scaled_and_product(a, b, factor, out):
    """out += factor a + a b, by way of two rows on the stack, taken anew in each round of a loop."""
    for _ in range(3):
        sums = carray(stack_memory(a, _TWO_ROWS), (2, LANES))
        sums[:] = 0
        add_scaled(sums[0], a, factor)
        add_product(sums[1], a, b)
    for lane in range(LANES):
        out[lane] += sums[0, lane] + sums[1, lane]


@kernel
def scale(target, row, factor):
    add_scaled(target, row, factor)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_add_up(dtype: type) -> None:
    rng = np.random.default_rng(0)
    a, b, out = (rng.standard_normal(LANES).astype(dtype) for _ in range(3))
    expected = out + 3 * a + a * b
    scaled_and_product(a, b, dtype(3), out)
    assert out.dtype == dtype
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)


def test_a_row_may_stand_anywhere() -> None:
    memory = np.ones(3 * LANES + 1, np.float32)
    scale(memory[1 : LANES + 1], memory[LANES + 1 : 2 * LANES + 1], np.float32(2))
    assert memory.tolist() == [1] + [3] * LANES + [1] * (2 * LANES)


@pytest.mark.parametrize(
    ("target", "row"),
    [
        (np.zeros((2, LANES), np.float32), np.zeros(LANES, np.float32)),
        (np.zeros(LANES, np.float32), np.zeros(LANES, np.float64)),
        (np.zeros(LANES, np.float32), np.zeros(2 * LANES, np.float32)[::2]),
        (np.zeros(LANES, np.int32), np.zeros(LANES, np.int32)),
    ],
    ids=["two axes", "two types", "strided", "whole numbers"],
)
def test_what_is_not_a_row_does_not_compile(target: np.ndarray, row: np.ndarray) -> None:
    with pytest.raises(TypingError):
        scale(target, row, np.float32(1))
