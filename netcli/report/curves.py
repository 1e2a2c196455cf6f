"""The curves of ``netcli plot``: which numbers of which runs stand in which panel, before anything is drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from netcli.errors import RunError, did_you_mean
from netcli.runs.history import Displayed, History
from netcli.solver.metric_direction import better_when_larger

LOGARITHMIC_FROM = 30.0
"""A panel of positive values gets a logarithmic axis if the largest is this many times the smallest."""


@dataclass(frozen=True)
class Curve:
    """One line in a panel.

    Attributes:
        run: the position of its run.
        label: what it shows: "loss", "test accuracy", ...
        kind: "train", "smoothed" (of the train curve before it), "test" or "setting" (lr, lambda).
        iterations, values: its points, all finite.
    """

    run: int
    label: str
    kind: str
    iterations: list[int]
    values: list[float]


@dataclass
class Panel:
    """What shares an axis: a title and curves."""

    title: str
    curves: list[Curve] = field(default_factory=list)

    @property
    def logarithmic(self) -> bool:
        """True if the values are better seen so."""
        values = [value for curve in self.curves for value in curve.values]
        return min(values) > 0 and max(values) >= LOGARITHMIC_FROM * min(values)


def panels(runs: Sequence[History], *, smooth: int, outputs: Sequence[str] = (), first: int = 0) -> list[Panel]:
    """Loss, accuracy, learning rate, lambda, and one for each of ``outputs``; those without any number are left out.

    Args:
        smooth: how many displays a smoothed point is the mean of: its own and the ones before; 1 for no smoothing.
        outputs: more outputs of training or test nets, by name.
        first: the iteration from which on values are shown; those before still count in the means.

    Raises:
        RunError: NC532 if no run has such an output.
    """
    _check_known(runs, outputs)
    found = [Panel("loss"), Panel("accuracy"), *map(Panel, outputs), Panel("learning rate"), Panel("lambda")]
    loss, accuracy, *others, rate, weight = found
    for index, run in enumerate(runs):
        loss.curves += _train_curves(index, run, "loss", lambda point: point.loss, smooth)
        loss.curves += _test_curves(index, run, lambda name: better_when_larger(name) is False and name not in outputs)
        for name in _names(point.outputs for point in run.train):
            if better_when_larger(name) and name not in outputs:
                accuracy.curves += _train_curves(index, run, name, _output(name), smooth)
        accuracy.curves += _test_curves(index, run, lambda name: bool(better_when_larger(name)) and name not in outputs)
        for panel in others:
            panel.curves += _train_curves(index, run, panel.title, _output(panel.title), smooth)
            panel.curves += _test_curves(index, run, panel.title.__eq__)
        rate.curves += _curve(index, "lr", "setting", run.train, lambda point: point.lr)
        for layer in _names(point.lambdas for point in run.train):
            weight.curves += _curve(index, layer, "setting", run.train, _lambda(layer))
    for panel in found:
        panel.curves = [curve for curve in (_from(curve, first) for curve in panel.curves) if curve.values]
    return [panel for panel in found if panel.curves]


def smoothed(values: Sequence[float], window: int) -> list[float]:
    """Each point as the mean of itself and the ``window - 1`` points before it, as many as there are."""
    means = []
    for index in range(len(values)):
        part = values[max(0, index + 1 - window) : index + 1]
        means.append(math.fsum(part) / len(part))
    return means


def curves_json(runs: Sequence[History], found: Sequence[Panel], smooth: int) -> dict[str, Any]:
    """What is drawn, for programs."""
    return {
        "schema": 1,
        "runs": [{"name": run.name, "path": str(run.path)} for run in runs],
        "smooth": smooth,
        "panels": [
            {
                "title": panel.title,
                "logarithmic": panel.logarithmic,
                "curves": [asdict(curve) for curve in panel.curves],
            }
            for panel in found
        ],
    }


def _check_known(runs: Sequence[History], outputs: Sequence[str]) -> None:
    known = _names(outputs for run in runs for outputs in _all_outputs(run))
    for name in outputs:
        if name not in known:
            hint, suggestion = did_you_mean(name, known)
            raise RunError.of(
                "NC532", f"no run has an output '{name}'", expected=f"one of {', '.join(known)}", hint=hint,
                suggestion=suggestion,
            )  # fmt: skip


def _all_outputs(run: History) -> list[dict[str, float]]:
    return [point.outputs for point in run.train] + [measured.outputs for measured in run.tests]


def _names(mappings: Iterable[dict[str, float]]) -> list[str]:
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))


def _output(name: str) -> Callable[[Displayed], float]:
    return lambda point: point.outputs.get(name, math.nan)


def _lambda(layer: str) -> Callable[[Displayed], float]:
    return lambda point: point.lambdas.get(layer, math.nan)


def _train_curves(
    index: int, run: History, label: str, value: Callable[[Displayed], float], smooth: int
) -> list[Curve]:
    """The curve of every display, and the smoothed one; where nothing is smoothed they are the same."""
    raw = _curve(index, label, "train", run.train, value)
    means = [Curve(index, label, "smoothed", curve.iterations, smoothed(curve.values, smooth)) for curve in raw]
    return means if smooth == 1 else raw + means


def _from(curve: Curve, first: int) -> Curve:
    kept = [index for index, iteration in enumerate(curve.iterations) if iteration >= first]
    return replace(curve, iterations=[curve.iterations[i] for i in kept], values=[curve.values[i] for i in kept])


def _test_curves(index: int, run: History, wanted: Callable[[str], bool]) -> list[Curve]:
    found: dict[str, Curve] = {}
    for tested in run.tests:
        for name, value in tested.outputs.items():
            if wanted(name) and math.isfinite(value):
                label = f"test {name}" + (f" of net {tested.net}" if tested.net else "")
                curve = found.setdefault(label, Curve(index, label, "test", [], []))
                curve.iterations.append(tested.iteration)
                curve.values.append(value)
    return list(found.values())


def _curve(
    index: int, label: str, kind: str, points: Sequence[Displayed], value: Callable[[Displayed], float]
) -> list[Curve]:
    """One curve, or none if no value is finite."""
    pairs = [(point.iteration, value(point)) for point in points]
    pairs = [pair for pair in pairs if math.isfinite(pair[1])]
    return [Curve(index, label, kind, [x for x, _ in pairs], [y for _, y in pairs])] if pairs else []
