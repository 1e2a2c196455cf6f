"""The picture of a margin: features of two dimensions in the plane and on the circle, one column for each run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from netcli.faces.planar_features import SECTOR_SHARE, PlanarFeatures
from netcli.report.plotting import matplotlib_module, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL = 2.6
"""Width and height of a panel in inches."""


def feature_figure(runs: Sequence[PlanarFeatures]) -> Figure:
    """Above, the features with lines along the class weights; below, their directions, with each class's sector.

    Raises:
        RunError: NC552 without matplotlib.
    """
    figure = new_figure(PANEL * len(runs), 2 * PANEL + 0.5)
    grid = figure.subplots(2, len(runs), squeeze=False)
    for run, plane, circle in zip(runs, *grid, strict=True):
        _draw_plane(plane, run)
        _draw_circle(circle, run)
        plane.set_title(_title(run), fontsize=9)
        circle.set_title(f"sectors {run.sector_width:.1f}° wide", fontsize=9)
    grid[0, 0].set_ylabel("features", fontsize=9)
    grid[1, 0].set_ylabel(f"their directions, and the sectors of {SECTOR_SHARE:.0%}", fontsize=9)
    return figure


def _title(run: PlanarFeatures) -> str:
    weight = f", λ = {run.weight:.3g}" if run.margin != 1 and run.weight else ""
    return f"m = {run.margin:g}{weight}\n{run.accuracy:.1%} right by angle"


def _draw_plane(axes: Axes, run: PlanarFeatures) -> None:
    colours = _colours(len(run.class_weights))
    extent = 1.05 * float(np.quantile(np.abs(run.features), 0.998))
    _scatter(axes, run.features, [colours[label] for label in run.labels])
    for colour, (x, y) in zip(colours, _units(run.class_weights), strict=True):
        axes.plot([0, 2 * extent * x], [0, 2 * extent * y], color=colour, linewidth=0.8)
    _frame(axes, extent)


def _draw_circle(axes: Axes, run: PlanarFeatures) -> None:
    matplotlib_module()
    from matplotlib.patches import Circle, Wedge

    colours = _colours(len(run.class_weights))
    axes.add_patch(Circle((0, 0), 1, fill=False, color="0.8", linewidth=0.8))
    for label, (middle, half) in run.sectors().items():
        begin, end = np.degrees(middle - half), np.degrees(middle + half)
        axes.add_patch(Wedge((0, 0), 1, begin, end, facecolor=colours[label], alpha=0.3, linewidth=0))
    _scatter(axes, _units(run.features), [colours[label] for label in run.labels])
    for label, (colour, (x, y)) in enumerate(zip(colours, _units(run.class_weights), strict=True)):
        axes.plot([0, x], [0, y], color=colour, linewidth=0.8)
        axes.text(1.15 * x, 1.15 * y, str(label), color=colour, ha="center", va="center", fontsize=8, weight="bold")
    _frame(axes, 1.3)


def _scatter(axes: Axes, points: np.ndarray, colours: list[tuple[float, ...]]) -> None:
    axes.scatter(points[:, 0], points[:, 1], s=2.5, c=colours, linewidths=0, rasterized=True)


def _units(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _colours(count: int) -> list[tuple[float, ...]]:
    """One for each class, far from each other."""
    from matplotlib import colormaps

    chosen = colormaps["tab10"] if count <= 10 else colormaps["hsv"].resampled(count + 1)
    return [tuple(chosen(index)) for index in range(count)]


def _frame(axes: Axes, extent: float) -> None:
    axes.set(xlim=(-extent, extent), ylim=(-extent, extent), aspect="equal", xticks=[], yticks=[])
