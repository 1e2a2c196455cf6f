"""The picture of ``netcli time --plot``: a bar for each layer, and one for what the layers do not account for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from netcli.report.plotting import new_figure
from netcli.report.timing_tables import iteration_of, whole_ms

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORWARD, BACKWARD, REST = "#0072B2", "#E69F00", "#999999"
"""Colours that the colour-blind tell apart."""
MOST_BARS = 40
ROW = 0.21
"""Height of a bar's row in inches."""


def timing_chart(result: dict[str, Any]) -> Figure:
    """Medians of each layer's forward and backward pass in milliseconds, in the order of the net.

    Where there are more than ``MOST_BARS`` layers the least of them share one bar.

    Raises:
        RunError: NC552 without matplotlib.
    """
    bars = _bars(result["layers"])
    figure = new_figure(8, 1.3 + ROW * (len(bars) + 1))
    axes = figure.subplots()
    whole = whole_ms(result)
    rest = result["unattributed_ms"]
    _draw(axes, [*bars, ("unattributed", 0.0, 0.0)], whole)
    axes.barh(len(bars), max(0.0, rest), color=REST)
    _note(axes, len(bars), max(0.0, rest), rest / whole if whole else 0.0)
    if result["backward_ms"]:
        figure.legend(loc="outside lower right", ncols=2, frameon=False, fontsize=8)
    spread = iteration_of(result)
    rate = result["images_per_s"] or 0
    axes.set_title(
        f"{Path(result['file']).name}: {spread['median']:.2f} ms an iteration, {rate:,.0f} images/s\n"
        f"{result['phase']}, batch {result['batch']}, threads {result['threads']}, "
        f"medians of {result['iterations']}",
        fontsize=9, loc="left",
    )  # fmt: skip
    return figure


def _bars(layers: list[dict[str, Any]]) -> list[tuple[str, float, float]]:
    """Name, forward and backward of each bar."""
    bars = [
        (layer["name"], layer["forward_ms"]["median"], (layer["backward_ms"] or {"median": 0.0})["median"])
        for layer in layers
    ]
    if len(bars) <= MOST_BARS:
        return bars
    kept = set(sorted(range(len(bars)), key=lambda i: -sum(bars[i][1:]))[: MOST_BARS - 1])
    others = [bar for i, bar in enumerate(bars) if i not in kept]
    least = (f"{len(others)} others", sum(bar[1] for bar in others), sum(bar[2] for bar in others))
    return [*(bar for i, bar in enumerate(bars) if i in kept), least]


def _draw(axes: Axes, bars: list[tuple[str, float, float]], whole: float) -> None:
    places = range(len(bars))
    forward, backward = [bar[1] for bar in bars], [bar[2] for bar in bars]
    both = map(sum, zip(forward, backward, strict=True))
    axes.barh(places, forward, color=FORWARD, label="forward")
    axes.barh(places, backward, left=forward, color=BACKWARD, label="backward")
    for place, spent in zip(places[:-1], both, strict=False):
        _note(axes, place, spent, spent / whole if whole else 0.0)
    axes.set_yticks(places, [bar[0] for bar in bars], fontsize=8)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set_xlabel("ms", fontsize=9)
    axes.tick_params(axis="x", labelsize=8)
    axes.margins(x=0.1)
    axes.spines[["top", "right"]].set_visible(False)


def _note(axes: Axes, place: int, end: float, share: float) -> None:
    """The share of the whole beside a bar."""
    axes.annotate(f"{share:.1%}", (end, place), (3, 0), textcoords="offset points", va="center", fontsize=7)
