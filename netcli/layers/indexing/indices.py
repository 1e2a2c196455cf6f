"""Indices: whole numbers kept as floats, each naming a row."""

from __future__ import annotations

import numpy as np

from netcli.layers.layer import Layer


def check_indices(layer: Layer, indices: np.ndarray, rows: int, what: str) -> None:
    """Raises RunError NC151 unless each of ``indices`` (flat), its fraction dropped, is below ``rows``."""
    wrong = layer.kernels.first_wrong_index(indices, rows)
    if wrong >= 0:
        raise layer.run_error(
            "NC151",
            f"{what} out of range",
            expected=f"0 to {rows - 1}",
            actual=f"{float(indices[wrong]):g} (number {wrong})",
        )
