"""The confusion matrix as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netcli.report.plotting import matplotlib_module, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NUMBERED = 20
"""Classes up to which each cell shows its count."""
MOST_NAMED = 50
"""Classes up to which each has its tick."""
GAMMA = 0.5
"""Colours stand for the share to this power: else one error in a hundred could not be seen."""


def confusion_figure(matrix: np.ndarray) -> Figure:
    """Rows are labels, columns predictions; the colour is the share of the row's images.

    Raises:
        RunError: NC552 without matplotlib.
    """
    classes = len(matrix)
    matplotlib_module()
    from matplotlib.colors import PowerNorm

    totals = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.maximum(totals, 1)
    side = min(9.0, max(4.5, 0.42 * classes if classes <= MOST_NUMBERED else 7.0))
    figure = new_figure(side + 1, side)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(GAMMA, 0, 1), interpolation="nearest")
    bar = figure.colorbar(image, ax=axes, shrink=0.8, format=lambda share, _: f"{share:.0%}")
    bar.set_ticks([0, 0.01, 0.05, 0.1, 0.25, 0.5, 1])
    bar.set_label("share of the images with that label (colour by its square root)", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    if classes <= MOST_NUMBERED:
        _number(axes, matrix, shares)
    if classes <= MOST_NAMED:
        axes.set_xticks(range(classes))
        axes.set_yticks(range(classes))
    axes.tick_params(labelsize=8)
    axes.set_xlabel("predicted", fontsize=9)
    axes.set_ylabel("label", fontsize=9)
    right, images = int(np.trace(matrix)), int(matrix.sum())
    axes.set_title(f"{right:,} of {images:,} right", fontsize=9, loc="left")
    return figure


def _number(axes: Axes, matrix: np.ndarray, shares: np.ndarray) -> None:
    """The count in each cell that has one."""
    for row, column in np.argwhere(matrix).tolist():
        colour = "white" if shares[row, column] ** GAMMA > 0.6 else "black"
        axes.text(column, row, f"{matrix[row, column]}", ha="center", va="center", fontsize=7, color=colour)
