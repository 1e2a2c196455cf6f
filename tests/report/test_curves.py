"""Which numbers ``netcli plot`` draws, and that the figure has just those."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from netcli.report.curves import Curve, panels, smoothed
from netcli.report.filter_figure import filter_tiles
from netcli.runs.history import Displayed, History, Measured

LENET = History(
    "lenet", Path("lenet"),
    train=[
        Displayed(0, 4.0, 4.0, 0.1, {"loss": 4.0, "norm": 1.0}),
        Displayed(10, 2.0, 3.0, 0.1, {"loss": 2.0}),
        Displayed(20, math.nan, math.nan, 0.01),
        Displayed(30, 0.1, 1.0, 0.001),
    ],
    tests=[Measured(0, 0, {"accuracy": 0.1, "loss": 4.5}), Measured(30, 0, {"accuracy": 0.75, "loss": math.inf}),
           Measured(30, 1, {"accuracy": 0.5})],
)  # fmt: skip
SPHERE = History(
    "sphere", Path("sphere"),
    train=[Displayed(0, 8.0, 8.0, 0.1, {}, {"fc6": 1000.0}), Displayed(20, 6.0, 6.0, 0.1, {}, {"fc6": 5.0})],
)  # fmt: skip


def test_panels_of_two_runs() -> None:
    loss, accuracy, rate, weight = panels([LENET, SPHERE], smooth=2)
    assert [panel.title for panel in (loss, accuracy, rate, weight)] == ["loss", "accuracy", "learning rate", "lambda"]
    assert loss.curves == [
        Curve(0, "loss", "train", [0, 10, 30], [4.0, 2.0, 0.1]),
        Curve(0, "loss", "smoothed", [0, 10, 30], [4.0, 3.0, 1.05]),
        Curve(0, "test loss", "test", [0], [4.5]),
        Curve(1, "loss", "train", [0, 20], [8.0, 6.0]),
        Curve(1, "loss", "smoothed", [0, 20], [8.0, 7.0]),
    ]
    assert accuracy.curves == [
        Curve(0, "test accuracy", "test", [0, 30], [0.1, 0.75]),
        Curve(0, "test accuracy of net 1", "test", [30], [0.5]),
    ]
    assert rate.curves[0] == Curve(0, "lr", "setting", [0, 10, 20, 30], [0.1, 0.1, 0.01, 0.001])
    assert weight.curves == [Curve(1, "fc6", "setting", [0, 20], [1000.0, 5.0])]
    assert [panel.logarithmic for panel in (loss, accuracy, rate, weight)] == [True, False, True, True]


def test_more_outputs_no_smoothing_and_a_later_start() -> None:
    loss, _, norm, _ = panels([LENET], smooth=1, outputs=["norm"])
    assert [curve.kind for curve in loss.curves] == ["smoothed", "test"]
    assert norm.curves == [Curve(0, "norm", "smoothed", [0], [1.0])]
    late = panels([LENET], smooth=3, first=20)
    assert [panel.title for panel in late] == ["loss", "accuracy", "learning rate"]
    assert late[0].curves[1] == Curve(0, "loss", "smoothed", [30], [pytest.approx(6.1 / 3)])


def test_smoothing_is_the_mean_of_the_last_ones() -> None:
    assert smoothed([1.0, 3.0, 5.0, 7.0], 3) == [1.0, 2.0, 3.0, 5.0]
    assert smoothed([], 3) == []


def test_the_figure_has_the_curves() -> None:
    pytest.importorskip("matplotlib")
    from netcli.report.history_figure import COLOURS, history_figure

    found = panels([LENET, SPHERE], smooth=2)
    figure = history_figure([LENET, SPHERE], found, 2)
    assert len(figure.axes) == len(found)
    for axes, panel in zip(figure.axes, found, strict=True):
        drawn = [(list(line.get_xdata()), list(line.get_ydata()), line.get_color()) for line in axes.get_lines()]
        assert drawn == [(curve.iterations, curve.values, COLOURS[curve.run]) for curve in panel.curves]
        assert axes.get_yscale() == ("log" if panel.logarithmic else "linear")
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "lenet (best accuracy 0.7500)", "sphere", "training", "test",
    ]  # fmt: skip
    assert figure.get_supxlabel() == (
        "training: mean over the last 2 displays; pale: each display. Test values are not smoothed"
    )


def test_several_outputs_of_a_run_have_lines_and_a_legend_of_their_own() -> None:
    pytest.importorskip("matplotlib")
    from netcli.report.history_figure import history_figure

    tests = [Measured(0, 0, {"loss3/top-1": 0.1, "loss3/top-5": 0.2}), Measured(9, 0, {"loss3/top-1": 0.3})]
    run = History("goog", Path("goog"), tests=tests)
    (axes,) = history_figure([run, run], panels([run, run], smooth=5), 5).axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["test loss3/top-1", "test loss3/top-5"]
    assert [line.get_linestyle() for line in axes.get_lines()] == ["--", ":", "--", ":"]
    assert [line.get_marker() for line in axes.get_lines()] == ["o", "o", "s", "s"]


def test_tiles_of_filters_share_one_scale() -> None:
    filters = np.zeros((3, 1, 2, 2))
    filters[0, 0] = [[1, -2], [0, 0.5]]
    image = filter_tiles(filters)
    assert image.shape == (5, 5, 3)
    assert image[:2, :2, 0].tolist() == [[0.75, 0.0], [0.5, 0.625]]
    assert (image[2] == 1).all(), "white between the tiles"
    assert (image[3:, 3:] == 1).all(), "and where there is none"


def test_three_channels_are_blue_green_and_red() -> None:
    filters = np.zeros((1, 3, 2, 2))
    filters[0, 0, 0, 0] = 4.0
    filters[0, 2, 1, 1] = -4.0
    image = filter_tiles(filters)
    assert image[0, 0].tolist() == [0.5, 0.5, 1.0]
    assert image[1, 1].tolist() == [0.0, 0.5, 0.5]


def test_other_channels_stand_in_rows_and_nothing_floods() -> None:
    assert filter_tiles(np.ones((4, 2, 3, 3))).shape == (4 * 4 - 1, 2 * 4 - 1, 3)
    assert filter_tiles(np.zeros((600, 512, 3, 3))).shape == (2 * 4 - 1, 512 * 4 - 1, 3)
