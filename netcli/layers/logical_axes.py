"""A blob's array with one axis for each axis of the blob, in whatever place it stands.

In lanes the images are split over groups and lanes, so only the axis 0 differs: the axis 1 of the view is that of
channels and so on, and the lanes follow as one axis more. What slices, copies or permutes the axes from 1 on is
therefore the same code in both places; what touches the axis 0 has to work on the plain array.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.runtime.blob import LANES, PLAIN, Place, Replicas, Shape


def place_for_axis(replicas: Sequence[Replicas], axis: int) -> Place:
    """Where to work along ``axis``: in lanes if one of ``replicas`` is at home there, but never along the axis 0."""
    in_lanes = axis > 0 and any(array.home() is LANES for array in replicas)
    return LANES if in_lanes else PLAIN


def axes_view(array: np.ndarray, place: Place, shape: Shape) -> np.ndarray:
    """A view of the ``array`` at ``place`` of a blob of ``shape``, which has two axes at least if in lanes."""
    if place is PLAIN:
        return array
    groups, _, channels, width = array.shape
    spatial = len(shape) - 2
    view = array.reshape(groups, *shape[2:], channels, width)
    return view.transpose(0, spatial + 1, *range(1, spatial + 1), spatial + 2)


def part(view: np.ndarray, axis: int, first: int, end: int) -> np.ndarray:
    """The part of ``view`` from ``first`` to before ``end`` along ``axis``."""
    return view[(slice(None),) * axis + (slice(first, end),)]
