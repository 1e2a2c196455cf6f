"""Many arrays as a list of pieces, so that one call of a kernel works on all of them."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np

PIECE = 1 << 14
"""Values of a piece: enough for a task, few enough for tasks to be spread evenly."""


class Pieces:
    """The table of the arrays that it was last asked for; they stay alive as long."""

    def __init__(self) -> None:
        self._arrays: list[np.ndarray] | None = None
        self._table: np.ndarray

    def table(self, *columns: Sequence[np.ndarray]) -> np.ndarray:
        """(n, 2 + columns) int64: of each piece the number of its arrays, how many values, and where they stand.

        Args:
            columns: lists of equal length; arrays of one number have one size. All are C-ordered and of one type.
        """
        arrays = [array for column in columns for array in column]
        known = self._arrays
        if known is None or len(arrays) != len(known) or not all(map(operator.is_, arrays, known)):
            self._arrays = arrays
            rows = [row for number, alike in enumerate(zip(*columns, strict=True)) for row in _rows(number, alike)]
            self._table = np.array(rows, np.int64).reshape(-1, 2 + len(columns))
        return self._table


def _rows(number: int, arrays: Sequence[np.ndarray]) -> list[list[int]]:
    size = arrays[0].size
    assert all(array.size == size and array.flags.c_contiguous for array in arrays)
    return [
        [number, min(PIECE, size - first), *(array.ctypes.data + first * array.itemsize for array in arrays)]
        for first in range(0, size, PIECE)
    ]
