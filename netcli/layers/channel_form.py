"""The one form in which kernels work along an axis: ``(groups, positions, channels, width)``.

Blobs in lanes have it already, with the axis 1 for channels and the images of a lane group for width. A
plain blob is viewed as ``(outer, 1, shape[axis], inner)``. Item number ``(group * width + lane) * positions +
position`` is then, in both, the place of a label in a plain blob of labels.
"""

from __future__ import annotations

import math

import numpy as np

from netcli.layers.workspace import Workspace
from netcli.runtime.blob import LANES, PLAIN, Place, Replicas, Shape


def form_place(replicas: Replicas, axis: int) -> Place:
    """Where a kernel along ``axis`` should work: in lanes only over the axis 1, else on the plain array."""
    return replicas.home() if axis == 1 else PLAIN


def channel_form(array: np.ndarray, place: Place, shape: Shape, axis: int) -> np.ndarray:
    """A view ``(groups, positions, channels, width)`` of the ``array`` at ``place`` of a blob of ``shape``."""
    if place is LANES:
        return array
    return array.reshape(math.prod(shape[:axis]), 1, shape[axis], math.prod(shape[axis + 1 :]))


def lanes_in_use(form: np.ndarray, place: Place, shape: Shape) -> int:
    """Lanes of all groups of ``form`` that hold something: all of a plain array, the images of one in lanes."""
    return shape[0] if place is LANES else form.shape[0] * form.shape[3]


def row_scratch(workspace: Workspace, form: np.ndarray) -> np.ndarray:
    """Room (groups * positions, width) for one value of each item of ``form``; of any content."""
    groups, positions, _, width = form.shape
    return workspace.scratch("rows", groups * positions, width)
