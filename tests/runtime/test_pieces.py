"""Kernels find the arrays of a table, and a table is made anew when an array is another."""

from __future__ import annotations

import numpy as np
import pytest

from netcli.runtime.piece_kernels import clear
from netcli.runtime.pieces import PIECE, Pieces


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clear(dtype: type) -> None:
    """Arrays of several axes, of several pieces, and without values; what stands beside them stays."""
    around = np.ones(2 * PIECE + 9, dtype)
    arrays = [around[1:-1], np.ones((3, 4), dtype), np.ones((0, 5), dtype)]
    table = Pieces().table(arrays)
    assert table[:, :2].tolist() == [[0, PIECE], [0, PIECE], [0, 7], [1, 12]]
    clear(table, dtype(0))
    assert around[0] == around[-1] == 1
    assert not any(array.any() for array in arrays)


def test_no_arrays() -> None:
    table = Pieces().table([], [])
    assert table.shape == (0, 4)
    clear(table, np.float32(0))


def test_a_table_is_that_of_its_arrays() -> None:
    pieces, first, second = Pieces(), [np.ones(3), np.ones(4)], [np.ones(3), np.ones(4)]
    table = pieces.table(first, second)
    assert pieces.table(first, second) is table
    assert table[:, 2:].tolist() == [[a.ctypes.data, b.ctypes.data] for a, b in zip(first, second, strict=True)]
    exchanged = pieces.table(second, first)
    assert exchanged[:, 2].tolist() == table[:, 3].tolist()


def test_arrays_that_belong_together_have_one_size() -> None:
    with pytest.raises(AssertionError):
        Pieces().table([np.ones(3)], [np.ones(4)])
