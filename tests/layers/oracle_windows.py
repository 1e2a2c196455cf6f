"""Geometries of sliding windows, and what meets in them by a walk over all outputs and taps."""

from __future__ import annotations

import itertools

import numpy as np

from netcli.layers.windows import Windows

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
