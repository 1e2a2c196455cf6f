"""Weighted sums over height and width as tables, in the form of ``netcli.layers.windows``.

Both resamplings here are separable: along one axis each output is a weighted sum of few inputs, and over the plane
the weights multiply.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class AxisWeights:
    """Along one axis: output o is the sum over j of ``weights[o, j]`` times the input ``positions[o, j]``."""

    positions: np.ndarray
    weights: np.ndarray
    inputs: int


@dataclass(frozen=True)
class SumTable:
    """The row r is the sum of ``weights[i]`` times ``positions[i]`` for i from starts[r] to before starts[r + 1]."""

    starts: np.ndarray
    positions: np.ndarray
    weights: np.ndarray


def nearest(inputs: int, scale: int) -> AxisWeights:
    """Each input ``scale`` times."""
    positions = np.repeat(np.arange(inputs), scale)[:, None]
    return AxisWeights(positions, np.ones_like(positions, dtype=np.float64), inputs)


def linear(inputs: int, outputs: int, first: int, used: int) -> AxisWeights:
    """Linear interpolation of the ``used`` inputs from ``first`` on; the ends fall on the ends."""
    steps = (used - 1) / (outputs - 1) if outputs > 1 else 0.0
    at = np.arange(outputs) * steps
    below = np.minimum(at.astype(np.int64), used - 1)
    above = np.minimum(below + 1, used - 1)
    share = at - below
    positions = first + np.stack((below, above), axis=1)
    return AxisWeights(positions, np.stack((1 - share, share), axis=1), inputs)


def plane_tables(height: AxisWeights, width: AxisWeights, dtype: np.dtype) -> tuple[SumTable, SumTable]:
    """The sums that make outputs of inputs, and those that make input gradients of output gradients."""
    outputs = len(height.positions) * len(width.positions)
    positions = height.positions[:, None, :, None] * width.inputs + width.positions[None, :, None, :]
    weights = height.weights[:, None, :, None] * width.weights[None, :, None, :]
    positions, weights = positions.reshape(outputs, -1), weights.reshape(outputs, -1)
    rows, columns = np.nonzero(weights)
    positions, weights = positions[rows, columns], weights[rows, columns]
    forward = _table(rows, positions, weights, outputs, dtype)
    order = np.lexsort((rows, positions))
    backward = _table(positions[order], rows[order], weights[order], height.inputs * width.inputs, dtype)
    return forward, backward


def _table(rows: np.ndarray, positions: np.ndarray, weights: np.ndarray, count: int, dtype: np.dtype) -> SumTable:
    starts = np.searchsorted(rows, np.arange(count + 1))
    return SumTable(starts.astype(np.int32), positions.astype(np.int32), weights.astype(dtype))
