"""How the work of a windowed product in lanes is cut for the threads: by the shapes alone, so that results are, too."""

from __future__ import annotations

import numpy as np

from netcli.layers.windows import Windows

ENOUGH_TASKS = 32
"""Parts into which a pass is cut; few enough that a part is worth a thread's wake-up."""
_FEW_POSITIONS = 16
"""With no more outputs than these, an image group is too small to be worked on alone."""


def has_few_positions(windows: Windows) -> bool:
    """Whether all image groups are worked on as one of many positions, so that the weights are read once."""
    return windows.output_positions <= _FEW_POSITIONS


def as_groups(windows: Windows, lanes: np.ndarray) -> np.ndarray:
    """An array (G, P, C, L) as it is worked on: with few positions as (1, G P, C, L)."""
    return lanes.reshape(1, -1, *lanes.shape[2:]) if has_few_positions(windows) else lanes
