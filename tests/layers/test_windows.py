"""Tables of sliding windows against a walk over all outputs and taps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from oracle_windows import GEOMETRIES, touches

from netcli.layers.windows import (
    Windows,
    backward_runs,
    forward_runs,
    inputs_by_tap,
    inputs_of_outputs,
    outputs_by_tap,
    outputs_of_inputs,
)


def rows(table: tuple[np.ndarray, np.ndarray]) -> list[list]:
    starts, entries = table
    return [entries[a:b].tolist() for a, b in itertools.pairwise(starts)]


def expand(table: tuple[np.ndarray, np.ndarray]) -> list[tuple[int, int, int]]:
    """(row, position, tap) of all runs."""
    return [
        (row, position + i, tap + i)
        for row, runs in enumerate(rows(table))
        for position, tap, length in runs
        for i in range(length)
    ]


@pytest.mark.parametrize("windows", GEOMETRIES.values(), ids=GEOMETRIES)
def test_tables_hold_exactly_what_meets(windows: Windows) -> None:
    expected = touches(windows)
    last = windows.taps - 1
    forward, backward = expand(forward_runs(windows)), expand(backward_runs(windows))
    assert len(forward) == len(backward) == len(expected)
    assert set(forward) == expected
    assert {(q, p, last - t) for p, q, t in backward} == expected
    assert {(q, int(p), t) for (q, t), p in np.ndenumerate(inputs_by_tap(windows)) if p >= 0} == expected
    assert {(int(q), p, last - t) for (p, t), q in np.ndenumerate(outputs_by_tap(windows)) if q >= 0} == expected
    assert {(q, p) for q, found in enumerate(rows(inputs_of_outputs(windows))) for p in found} == {
        (q, p) for q, p, _ in expected
    }
    assert {(q, p) for p, found in enumerate(rows(outputs_of_inputs(windows))) for q in found} == {
        (q, p) for q, p, _ in expected
    }


def test_positions_ascend_so_that_the_first_maximum_is_the_first() -> None:
    for found in rows(inputs_of_outputs(GEOMETRIES["padded"])):
        assert found == sorted(found)


@pytest.mark.parametrize("table", [forward_runs, backward_runs])
def test_neighbours_form_runs(table) -> None:
    windows = GEOMETRIES["plain"]
    assert max(length for runs in rows(table(windows)) for _, _, length in runs) > 1


def test_a_whole_window_is_one_run() -> None:
    assert rows(forward_runs(Windows.whole((3, 4)))) == [[[0, 0, 12]]]
