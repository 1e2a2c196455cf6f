"""How the result of a convolution is cut into bands for the pooling behind it."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from netcli.layers.windows import Windows, inputs_of_outputs


@dataclass(frozen=True)
class Band:
    """The positions ``first`` to ``end`` of the result, and the windows of the pooling that they are in."""

    first: int
    end: int
    first_window: int
    end_window: int


def bands_of(pooling: Windows) -> list[Band]:
    """One for each row of windows: all the positions along its first axis that it reaches, in order.

    Rows of windows that reach no position have an empty band.
    """
    starts, positions = inputs_of_outputs(pooling)
    rows, row = pooling.outputs[0], math.prod(pooling.outputs[1:])
    line = math.prod(pooling.inputs[1:])
    bands = []
    for index in range(rows):
        first_window, end_window = index * row, (index + 1) * row
        reached = positions[starts[first_window] : starts[end_window]]
        first, end = (0, 0) if not reached.size else (reached.min() // line * line, (reached.max() // line + 1) * line)
        bands.append(Band(int(first), int(end), first_window, end_window))
    return bands


def overlap(bands: list[Band]) -> bool:
    """Whether a position is in several of them."""
    filled = [band for band in bands if band.first < band.end]
    return any(before.end > band.first for before, band in itertools.pairwise(filled))


def band_table(bands: list[Band]) -> np.ndarray:
    """(n, 3) int32: first position, first window, end of the windows."""
    return np.array([[band.first, band.first_window, band.end_window] for band in bands], np.int32).reshape(-1, 3)
