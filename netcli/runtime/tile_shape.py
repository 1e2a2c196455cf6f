"""How large the tiles of ``netcli.runtime.tiles`` are."""

from __future__ import annotations

import numpy as np

from netcli.runtime.cpu import lane_count

_HEIGHTS = {16: 14, 8: 6, 4: 4}
_DOUBLE_HEIGHTS = {16: 6, 8: 2, 4: 2}
_SIDES = {16: 5, 8: 3, 4: 3}
_DOUBLE_SIDES = {16: 3, 8: 2, 4: 2}

PIXELS = 2
"""Positions that ``multiply_tile`` works on at once."""
RUN_FIELDS = 4
"""Numbers of a run."""
COLUMN_VECTORS = 2
"""Vectors side by side in a row of ``correlate_rows``: its columns are at most this times LANES."""


def tile_height(dtype: np.dtype) -> int:
    """The most rows of a tile of ``dtype`` whose sums fit the registers."""
    return (_HEIGHTS if _is_single(dtype) else _DOUBLE_HEIGHTS)[lane_count()]


def tile_side(dtype: np.dtype) -> int:
    """The most rows and columns of a square tile of vectors of ``dtype`` that fits the registers."""
    return (_SIDES if _is_single(dtype) else _DOUBLE_SIDES)[lane_count()]


def _is_single(dtype: np.dtype) -> bool:
    return np.dtype(dtype).itemsize == np.dtype(np.float32).itemsize
