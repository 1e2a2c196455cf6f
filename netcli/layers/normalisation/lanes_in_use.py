"""How many lanes of a form hold images, for kernels that must leave the padding out."""

from __future__ import annotations

import numpy as np

from netcli.runtime.blob import LANES, Place, Shape


def lanes_in_use(form: np.ndarray, place: Place, shape: Shape) -> int:
    """Lanes in use over all groups of ``form`` (groups, positions, channels, width): all of them on a plain array."""
    return shape[0] if place is LANES else form.shape[0] * form.shape[3]
