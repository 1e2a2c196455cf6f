"""The picture of ``netcli plot``: panels below each other, a colour and a marker for each run.

The colours are those of Okabe and Ito (Color Universal Design, 2008), which people with any kind of colour vision
tell apart; their yellow, too pale for lines on white, is left out. Runs also differ in their markers, and what is
trained from what is tested by the kind of line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from netcli.report.curves import Curve, Panel
from netcli.report.lines import value_text
from netcli.report.plotting import matplotlib_module, new_figure
from netcli.runs.best import best_accuracy
from netcli.runs.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
Style = str | tuple[float, tuple[float, ...]]
_BROKEN: tuple[Style, ...] = ("--", ":", "-.", (0, (8, 2)), (0, (4, 1, 1, 1, 1, 1)), (0, (1, 3)))
STYLES: dict[str, tuple[Style, ...]] = {
    "train": ("-",),
    "smoothed": ("-", (0, (12, 1)), (0, (12, 1, 2, 1))),
    "test": _BROKEN,
    "setting": ("-", *_BROKEN),
}
"""Kind of curve -> how its first, second, ... label is drawn."""
WIDTH, PANEL_HEIGHT, MARGINS = 7.2, 1.9, 1.0
"""In inches."""
_SIZE = 8
LEGEND_CHARACTERS = 120
"""What fits into the width at that size, the samples of the lines counted as eight."""


def history_figure(runs: Sequence[History], panels: Sequence[Panel], smooth: int) -> Figure:
    """Needs at least one panel. Raises RunError NC552 without matplotlib."""
    figure = new_figure(WIDTH, MARGINS + PANEL_HEIGHT * len(panels))
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, panel in zip(grid, panels, strict=True):
        _draw(axes, panel, len(runs))
    grid[-1].set_xlabel("iteration", fontsize=_SIZE)
    kinds = {curve.kind for panel in panels for curve in panel.curves}
    handles = _handles(runs, kinds)
    figure.legend(
        handles=handles, loc="outside upper center", fontsize=_SIZE, frameon=False,
        ncols=_legend_columns(handles),
    )  # fmt: skip
    if "smoothed" in kinds:
        figure.supxlabel(smoothing_text(smooth), fontsize=_SIZE - 1, color="0.35")
    return figure


def smoothing_text(smooth: int) -> str:
    """What was done to the curves of training."""
    if smooth == 1:
        return "training: each display, not smoothed"
    return f"training: mean over the last {smooth} displays; pale: each display. Test values are not smoothed"


def _draw(axes: Axes, panel: Panel, runs: int) -> None:
    styles = _styles(panel)
    for curve in panel.curves:
        axes.plot(curve.iterations, curve.values, **_look(curve, styles[curve.kind, curve.label], runs))
    _name_outputs(axes, panel, styles)
    if panel.logarithmic:
        axes.set_yscale("log")
    axes.set_ylabel(panel.title + (" (log)" if panel.logarithmic else ""), fontsize=_SIZE)
    axes.tick_params(labelsize=_SIZE)
    axes.grid(color="0.9", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _styles(panel: Panel) -> dict[tuple[str, str], Style]:
    """A kind of line for each label: several outputs of one run have the run's colour."""
    return {
        (kind, label): styles[index % len(styles)]
        for kind, styles in STYLES.items()
        for index, label in enumerate(_labels(panel, kind))
    }


def _look(curve: Curve, style: Style, runs: int) -> dict[str, Any]:
    colour = COLOURS[curve.run % len(COLOURS)]
    marker = MARKERS[curve.run % len(MARKERS)]
    # A run that lies under another shows as its border.
    width = 1.2 + 1.8 * (runs - 1 - curve.run) / max(1, runs - 1)
    # A single point makes no line.
    alone = marker if len(curve.values) == 1 else None
    match curve.kind:
        case "train":
            return {"color": colour, "linewidth": 0.7, "alpha": 0.3}
        case "smoothed":
            return {"color": colour, "linewidth": width, "linestyle": style, "marker": alone, "markersize": 4}
        case "test":
            return {"color": colour, "linewidth": 1.1, "linestyle": style, "marker": marker, "markersize": 4,
                    "markevery": max(1, len(curve.values) // 25)}  # fmt: skip
        case _:
            return {"color": colour, "linewidth": width, "linestyle": style, "drawstyle": "steps-post",
                    "marker": alone, "markersize": 4}  # fmt: skip


def _name_outputs(axes: Axes, panel: Panel, styles: dict[tuple[str, str], Style]) -> None:
    """A legend of its own for a panel that shows several outputs, or layers, of a run."""
    named = [(kind, label) for kind, label in styles if kind != "train" and len(_labels(panel, kind)) > 1]
    if named:
        line = matplotlib_module().lines.Line2D
        handles = [line([], [], color="0.3", linewidth=1.2, linestyle=styles[key], label=key[1]) for key in named]
        axes.legend(handles=handles, fontsize=_SIZE - 1.5, framealpha=0.7, edgecolor="1", handlelength=3)


def _labels(panel: Panel, kind: str) -> list[str]:
    return list(dict.fromkeys(curve.label for curve in panel.curves if curve.kind == kind))


def _handles(runs: Sequence[History], kinds: set[str]) -> list[Any]:
    """The legend: a sample for each run, then one for each kind of line."""
    line = matplotlib_module().lines.Line2D
    handles = [
        line([], [], color=COLOURS[i % len(COLOURS)], marker=MARKERS[i % len(MARKERS)], markersize=4, label=_name(run))
        for i, run in enumerate(runs)
    ]
    if "smoothed" in kinds:
        handles.append(line([], [], color="0.3", linewidth=1.5, label="training"))
    if "test" in kinds:
        handles.append(line([], [], color="0.3", linewidth=1.1, linestyle="--", label="test"))
    return handles


def _legend_columns(handles: Sequence[Any]) -> int:
    """As many as fit beside each other."""
    widest = max(len(handle.get_label()) for handle in handles) + 8
    return max(1, min(len(handles), LEGEND_CHARACTERS // widest))


def _name(run: History) -> str:
    best = best_accuracy(run)
    return run.name if best is None else f"{run.name} (best {best.output} {value_text(best.value)})"
