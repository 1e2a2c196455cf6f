"""Tables of sliding windows against a walk over all outputs and taps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from netcli.layers.windows import (
    Windows,
    backward_runs,
    forward_runs,
    inputs_by_tap,
    inputs_of_outputs,
    outputs_by_tap,
    outputs_of_inputs,
)

GEOMETRIES = {
    "plain": Windows((5, 4), (3, 2), (3, 3), (1, 1), (0, 0), (1, 1)),
    "padded": Windows((3, 4), (3, 4), (3, 3), (1, 1), (1, 1), (1, 1)),
    "strided": Windows((6, 5), (3, 2), (2, 3), (2, 2), (0, 1), (1, 1)),
    "dilated": Windows((7,), (7,), (3,), (1,), (2,), (2,)),
    "three axes": Windows((3, 2, 4), (2, 2, 2), (2, 1, 2), (1, 1, 2), (0, 0, 0), (1, 1, 1)),
    "whole": Windows.whole((3, 4)),
    "no axes": Windows.whole(()),
}


def touches(windows: Windows) -> set[tuple[int, int, int]]:
    """All (output position, input position, tap) that meet."""
    found = set()
    for (q, at), (t, tap) in itertools.product(
        enumerate(np.ndindex(*windows.outputs)), enumerate(np.ndindex(*windows.kernel))
    ):
        place = [
            o * s - p + k * d
            for o, k, s, p, d in zip(at, tap, windows.stride, windows.pad, windows.dilation, strict=True)
        ]
        if all(0 <= i < size for i, size in zip(place, windows.inputs, strict=True)):
            found.add((q, int(np.ravel_multi_index(place, windows.inputs)) if place else 0, t))
    return found


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
