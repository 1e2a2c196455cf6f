"""Sliding windows over any number of axes, as tables: which input positions does an output position see?

A window has ``kernel`` taps along each axis. The tap k of the output o stands, along one axis, at the input

    i = o stride - pad + k dilation,        and counts only where 0 <= i < inputs

Positions and taps are numbered in C order over all axes. With the tables, one kernel serves every number of
axes, stride, padding and dilation: it walks a list instead of computing where it is.

A table is a pair of int32 arrays ``(starts, entries)``: the entries of the row r are
``entries[starts[r]:starts[r + 1]]``.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from netcli.runtime.blob import Shape

Table = tuple[np.ndarray, np.ndarray]

_CACHED_TABLES = 64


@dataclass(frozen=True)
class Windows:
    """The geometry; each field holds one number an axis, and no axes at all mean one position and one tap."""

    inputs: Shape
    outputs: Shape
    kernel: Shape
    stride: Shape
    pad: Shape
    dilation: Shape

    @classmethod
    def whole(cls, inputs: Shape) -> Windows:
        """One window that is the whole input: an inner product, or global pooling."""
        axes = len(inputs)
        return cls(inputs, (1,) * axes, inputs, (1,) * axes, (0,) * axes, (1,) * axes)

    @property
    def taps(self) -> int:
        """Taps of a whole window."""
        return math.prod(self.kernel)

    @property
    def input_positions(self) -> int:
        return math.prod(self.inputs)

    @property
    def output_positions(self) -> int:
        return math.prod(self.outputs)


@functools.lru_cache(_CACHED_TABLES)
def inputs_of_outputs(windows: Windows) -> Table:
    """Row: output position. Entries (n,): the input positions in its window, ascending."""
    outputs, inputs, _ = _touches(windows)
    return _table(outputs, inputs, windows.output_positions)


@functools.lru_cache(_CACHED_TABLES)
def outputs_of_inputs(windows: Windows) -> Table:
    """Row: input position. Entries (n,): the output positions whose windows hold it, ascending."""
    outputs, inputs, _ = _touches(windows)
    order = np.lexsort((outputs, inputs))
    return _table(inputs[order], outputs[order], windows.input_positions)


@functools.lru_cache(_CACHED_TABLES)
def forward_runs(windows: Windows) -> Table:
    """Row: output position. Entries (n, 3): (input position, tap, length) of runs that step by 1 in both."""
    outputs, inputs, taps = _touches(windows)
    return _runs(outputs, inputs, taps, windows.output_positions)


@functools.lru_cache(_CACHED_TABLES)
def backward_runs(windows: Windows) -> Table:
    """Row: input position. Entries (n, 3): (output position, tap counted from the last, length) of runs.

    Taps are counted backwards because the output position falls as the tap rises, so that runs appear here too.
    """
    outputs, inputs, taps = _touches(windows)
    order = np.lexsort((outputs, inputs))
    return _runs(inputs[order], outputs[order], windows.taps - 1 - taps[order], windows.input_positions)


@functools.lru_cache(_CACHED_TABLES)
def inputs_by_tap(windows: Windows) -> np.ndarray:
    """(output positions, taps) int32: the input position that each tap sees, -1 outside the input."""
    outputs, inputs, taps = _touches(windows)
    return _scattered((windows.output_positions, windows.taps), outputs, taps, inputs)


@functools.lru_cache(_CACHED_TABLES)
def outputs_by_tap(windows: Windows) -> np.ndarray:
    """(input positions, taps) int32: the output position that sees it there, -1 for none; taps from the last."""
    outputs, inputs, taps = _touches(windows)
    return _scattered((windows.input_positions, windows.taps), inputs, windows.taps - 1 - taps, outputs)


@functools.lru_cache(_CACHED_TABLES)
def inputs_by_vector(windows: Windows, lanes: int) -> np.ndarray:
    """``inputs_by_tap`` for vectors of outputs: (ceil(output positions / lanes), taps, lanes), -1 beyond the last."""
    vectors = -(-windows.output_positions // lanes)
    padded = np.full((vectors * lanes, windows.taps), -1, np.int32)
    padded[: windows.output_positions] = inputs_by_tap(windows)
    return np.ascontiguousarray(padded.reshape(vectors, lanes, windows.taps).transpose(0, 2, 1))


def _touches(windows: Windows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All (output position, input position, tap) that meet, by output position, then tap."""
    position = np.zeros((1, 1), np.int64)
    inside = np.ones((1, 1), bool)
    axes = (windows.inputs, windows.outputs, windows.kernel, windows.stride, windows.pad, windows.dilation)
    for inputs, outputs, kernel, stride, pad, dilation in zip(*axes, strict=True):
        at = np.arange(outputs)[:, None] * stride - pad + np.arange(kernel) * dilation
        shape = (position.shape[0] * outputs, position.shape[1] * kernel)
        position = (position[:, None, :, None] * inputs + at[None, :, None, :]).reshape(shape)
        inside = (inside[:, None, :, None] & ((at >= 0) & (at < inputs))[None, :, None, :]).reshape(shape)
    outputs_at, taps_at = np.nonzero(inside)
    return outputs_at, position[outputs_at, taps_at], taps_at


def _scattered(shape: Shape, rows: np.ndarray, columns: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """``positions`` at their rows and columns, -1 elsewhere."""
    found = np.full(shape, -1, np.int32)
    found[rows, columns] = positions
    return found


def _table(rows: np.ndarray, entries: np.ndarray, count: int) -> Table:
    """The table of ``entries`` whose row numbers ``rows`` ascend; ``count`` rows, some of them maybe empty."""
    starts = np.searchsorted(rows, np.arange(count + 1))
    return starts.astype(np.int32), np.ascontiguousarray(entries, dtype=np.int32)


def _runs(rows: np.ndarray, positions: np.ndarray, taps: np.ndarray, count: int) -> Table:
    """The table of runs of neighbours: same row, position and tap one more than before."""
    first = np.ones(len(rows), bool)
    first[1:] = (np.diff(rows) != 0) | (np.diff(positions) != 1) | (np.diff(taps) != 1)
    begin = np.flatnonzero(first)
    length = np.diff(np.append(begin, len(rows)))
    return _table(rows[begin], np.stack((positions[begin], taps[begin], length), axis=1), count)
