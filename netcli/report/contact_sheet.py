"""A contact sheet: many images side by side, each with a few words below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netcli.report.picture import as_bytes
from netcli.report.plotting import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 6
CELL = 1.35
"""Width of an image's cell in inches."""
WORDS = 0.45
"""Height of what stands below it."""
LONGEST = 22
"""Characters of a caption's line that find room."""


@dataclass(frozen=True)
class Cell:
    """An image (C, H, W), colour as blue, green, red, uint8 or of values to be stretched; and what stands below it."""

    pixels: np.ndarray
    lines: Sequence[str]


def contact_sheet(cells: Sequence[Cell], title: str) -> Figure:
    """The images row by row.

    Raises:
        RunError: NC552 without matplotlib.
    """
    columns = min(COLUMNS, max(1, len(cells)))
    rows = max(1, math.ceil(len(cells) / columns))
    figure = new_figure(max(CELL * columns, 4), (CELL + WORDS) * rows + 0.4)
    figure.suptitle(title, fontsize=9)
    grid = figure.subplots(rows, columns, squeeze=False).reshape(-1)
    for axes in grid:
        axes.set_axis_off()
    for axes, cell in zip(grid, cells, strict=False):
        shown = as_bytes(cell.pixels)
        colour = shown[::-1].transpose(1, 2, 0) if len(shown) == 3 else shown[0]
        axes.imshow(colour, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        words = "\n".join(map(_short, cell.lines))
        axes.text(0.5, -0.04, words, transform=axes.transAxes, ha="center", va="top", fontsize=6.5)
    return figure


def _short(line: str) -> str:
    return line if len(line) <= LONGEST else f"…{line[1 - LONGEST :]}"
