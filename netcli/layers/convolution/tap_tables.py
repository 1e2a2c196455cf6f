"""From windows to the tables that the register tiles walk: see ``netcli.runtime.tiles``.

A tile works on two positions at once with the same weights. So positions are paired that see the same taps: with
a stride, the data gradient of neighbours meets different weights, and of an inner product each position its own.

Rows are counted as the tiles do: a position has one row for each of its channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from netcli.layers.windows import Windows, inputs_by_tap, outputs_by_tap


@dataclass(frozen=True)
class PairedRuns:
    """What two positions sum up; int32. ``pairs`` (n, 2): positions of the target, alike where one is left over.

    The runs of the pair i are ``runs[starts[i]:starts[i + 1]]``, each (row of the packed weights, rows, row of the
    source for either position, -1 for none). The pairs of the band i, a range of positions, are ``bands[i]`` to
    ``bands[i + 1]``.
    """

    pairs: np.ndarray
    starts: np.ndarray
    runs: np.ndarray
    bands: np.ndarray

    def in_values(self, lanes: int) -> PairedRuns:
        """The same with places that count values of rows of ``lanes``."""
        return replace(self, runs=self.runs * np.array([1, 1, lanes, lanes], np.int32))


def paired_runs(
    windows: Windows,
    images: int,
    channels: int,
    groups: int,
    for_backward: bool,
    bands: Sequence[tuple[int, int]] | None = None,
) -> PairedRuns:
    """The table of a forward pass, or of a data gradient, in sources of ``channels`` split into ``groups``.

    ``images`` groups of lanes stand one behind the other, as if they were one image of many positions. ``bands``:
    ranges of positions that are paired apart, all of them by default.
    """
    sources = _repeated(*_by_tap(windows, for_backward), images)
    banded = [first + _pairs_of_like(sources[first:end] >= 0) for first, end in bands or [(0, len(sources))]]
    pairs = np.concatenate(banded)
    first, second = sources[pairs[:, 0]], sources[pairs[:, 1]]
    seen = (first >= 0) | (second >= 0)
    begins = seen.copy()
    if groups == 1:
        begins[:, 1:] &= ~(seen[:, :-1] & _continues(first) & _continues(second))
    pair, tap = np.nonzero(begins)
    lengths = np.bincount(np.cumsum(begins.ravel())[seen.ravel()] - 1, minlength=len(pair))
    group_channels = channels // groups
    runs = np.stack(
        (tap * group_channels, lengths * group_channels, *(_rows(z[pair, tap], channels) for z in (first, second))),
        axis=1,
    )
    starts = np.searchsorted(pair, np.arange(len(pairs) + 1))
    ends = np.cumsum([0, *map(len, banded)])
    return PairedRuns(*(np.ascontiguousarray(table, np.int32) for table in (pairs, starts, runs, ends)))


@dataclass(frozen=True)
class TapOffsets:
    """Where the weight gradient finds x. ``offsets`` (n, items) int32: the first row for each item, -1 for none.

    Each of the n parts stands for ``taps`` neighbouring taps, whose rows lie one behind the other.
    """

    offsets: np.ndarray
    taps: int


def tap_offsets(windows: Windows, images: int, channels: int, groups: int) -> TapOffsets:
    """The table for x of ``channels`` split into ``groups``; ``images`` as in ``paired_runs``."""
    sources = _repeated(inputs_by_tap(windows), windows.input_positions, images)
    taps = _taps_side_by_side(windows) if groups == 1 else 1
    return TapOffsets(np.ascontiguousarray(_rows(sources[:, ::taps].T, channels), np.int32), taps)


def _by_tap(windows: Windows, for_backward: bool) -> tuple[np.ndarray, int]:
    """The source of each target position and tap, and the number of source positions."""
    if for_backward:
        return outputs_by_tap(windows), windows.output_positions
    return inputs_by_tap(windows), windows.input_positions


def _repeated(sources: np.ndarray, positions: int, images: int) -> np.ndarray:
    """The table for ``images`` images of ``positions`` source positions each, one behind the other."""
    shifts = np.repeat(np.arange(images, dtype=np.int32) * positions, len(sources))
    repeated = np.tile(sources, (images, 1))
    return np.where(repeated < 0, repeated, repeated + shifts[:, None])


def _pairs_of_like(seen: np.ndarray) -> np.ndarray:
    """Pairs (n, 2) of the rows of ``seen``, of equal rows as far as possible, by their first number."""
    patterns = np.packbits(seen, axis=1)
    _, kinds = np.unique(patterns.view(f"V{patterns.shape[1]}"), return_inverse=True)
    order = np.argsort(kinds.ravel(), kind="stable")
    kinds = kinds.ravel()[order]
    place = np.arange(len(order)) - np.searchsorted(kinds, kinds)
    size = np.searchsorted(kinds, kinds, side="right") - np.searchsorted(kinds, kinds)
    odd = (place == size - 1) & (size % 2 == 1)
    left_over = np.sort(order[odd])
    if len(left_over) % 2:
        left_over = np.append(left_over, left_over[-1])
    pairs = np.concatenate((order[~odd], left_over)).reshape(-1, 2)
    return pairs[np.argsort(pairs[:, 0], kind="stable")]


def _continues(sources: np.ndarray) -> np.ndarray:
    """Where a tap's source stands right behind that of the tap before, or both have none: (n, taps - 1)."""
    before, here = sources[:, :-1], sources[:, 1:]
    return ((here == before + 1) & (before >= 0)) | ((here < 0) & (before < 0))


def _rows(positions: np.ndarray, channels: int) -> np.ndarray:
    return np.where(positions < 0, -1, positions * channels)


def _taps_side_by_side(windows: Windows) -> int:
    """How many taps in C order always have neighbouring inputs: those along the last axes, as far as they do."""
    taps = 1
    for inputs, kernel, pad, dilation in reversed(
        list(zip(windows.inputs, windows.kernel, windows.pad, windows.dilation, strict=True))
    ):
        if pad or (dilation > 1 and kernel > 1):
            return taps
        taps *= kernel
        if kernel != inputs:
            return taps
    return taps
