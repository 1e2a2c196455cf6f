"""The tables of the register tiles against a walk over all positions and taps."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from oracle_windows import GEOMETRIES, touches

from netcli.layers.convolution.tap_tables import paired_runs, tap_offsets
from netcli.layers.windows import Windows

GROUPED = pytest.mark.parametrize(("images", "channels", "groups"), [(1, 1, 1), (2, 6, 1), (3, 6, 2)])
EACH = pytest.mark.parametrize("windows", GEOMETRIES.values(), ids=GEOMETRIES)


def meetings(windows: Windows, images: int) -> list[tuple[int, int, int]]:
    """All (output position, input position, tap) that meet, over images one behind the other."""
    return [
        (i * windows.output_positions + q, i * windows.input_positions + p, t)
        for q, p, t in touches(windows)
        for i in range(images)
    ]


@EACH
@GROUPED
@pytest.mark.parametrize("for_backward", [False, True])
def test_runs_sum_up_what_meets_and_nothing_twice(
    windows: Windows, images: int, channels: int, groups: int, for_backward: bool
) -> None:
    last, group_channels = windows.taps - 1, channels // groups
    expected: Counter[tuple[int, int, int]] = Counter()
    for q, p, t in meetings(windows, images):
        target, source, tap = (p, q, last - t) if for_backward else (q, p, t)
        expected.update((target, source * channels + c, tap * group_channels + c) for c in range(group_channels))
    table = paired_runs(windows, images, channels, groups, for_backward)
    found: Counter[tuple[int, int, int]] = Counter()
    for pair, (first, second) in enumerate(table.pairs.tolist()):
        for j, count, *rows in table.runs[table.starts[pair] : table.starts[pair + 1]].tolist():
            places = [(first, rows[0])] if first == second else [(first, rows[0]), (second, rows[1])]
            for target, row in places:
                found.update((target, row + i, j + i) for i in range(count if row >= 0 else 0))
    assert found == expected
    positions = images * (windows.input_positions if for_backward else windows.output_positions)
    assert set(table.pairs.ravel().tolist()) == set(range(positions))


@EACH
@GROUPED
def test_offsets_lead_to_what_a_tap_sees(windows: Windows, images: int, channels: int, groups: int) -> None:
    table = tap_offsets(windows, images, channels, groups)
    found = {
        (q, int(row) // channels + step, part * table.taps + step)
        for (part, q), row in np.ndenumerate(table.offsets)
        if row >= 0
        for step in range(table.taps)
    }
    assert found == set(meetings(windows, images))
    assert not (table.offsets[table.offsets >= 0] % channels).any()


def test_positions_with_like_taps_are_paired() -> None:
    """Of a 3 x 3 window at pad 1 the corners see other taps than the edges: no pair may mix them but the last."""
    windows = GEOMETRIES["padded"]
    seen = {q: frozenset(t for at, _, t in meetings(windows, 1) if at == q) for q in range(windows.output_positions)}
    mixed = [pair for pair in paired_runs(windows, 1, 3, 1, False).pairs.tolist() if seen[pair[0]] != seen[pair[1]]]
    left_over = Counter(seen.values())
    assert len(mixed) == sum(count % 2 for count in left_over.values()) // 2
