"""The learning rate and every margin layer's lambda over the iterations: what ``netcli schedule`` shows.

Both are functions of the iteration, so nothing is run: the numbers are those that training will use.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netcli.layers.layer import LayerContext
from netcli.layers.margin.annealing import annealing, check_annealing, floor_iteration, lambda_matters
from netcli.layers.margin.margin_product import MarginProduct
from netcli.layers.registry import layer_types
from netcli.lint.losses import MARGIN_LAYERS
from netcli.prototxt import LayerSource, SolverSource, filtered
from netcli.report.plotting import new_figure, save_figure
from netcli.report.tables import Column, table
from netcli.solver.schedules import schedule

_MOST_STEPS = 12
"""Drops of the learning rate that get rows of their own."""
_PLOTTED = 800


@dataclass(frozen=True)
class MarginSchedule:
    """One margin layer's lambda.

    Attributes:
        source, layer: the layer, not set up.
        floor: the iteration from which on lambda is its least; None if it never gets there.
        first_loss: ln C, the loss of C classes that are told apart by chance.
    """

    source: LayerSource
    layer: MarginProduct
    floor: int | None
    first_loss: float

    def weight(self, iteration: int) -> float:
        """lambda in the forward pass of an iteration, from 0."""
        return annealing(self.layer.settings)(iteration)

    @property
    def expected_loss(self) -> float | None:
        """What the loss stays below when training has ended at lambda's floor, by users' experience: 10 / lambda.

        Told for m = 4 only, with which it was gathered: 1 at 10, 2 at 5, 5 at 2, 10 at 1 (wy1iu/sphereface, issue 74).
        """
        least = self.layer.settings.lambda_min
        return 10 / least if self.floor is not None and self.layer.margin == 4 and least >= 1 else None


@dataclass(frozen=True)
class Schedules:
    """What changes with the iterations of a solver, up to ``max_iter``."""

    solver: SolverSource
    margins: list[MarginSchedule]

    @property
    def max_iter(self) -> int:
        return int(self.solver.param.max_iter)

    def rate(self, iteration: int) -> float:
        """The learning rate of an iteration, from 0."""
        return schedule(self.solver)(iteration)

    def sampled(self) -> list[int]:
        """Iterations worth a row: 0, 1, 2, 5, 10, ..., both sides of each drop, ends of warm-up and annealing, last."""
        param, last = self.solver.param, self.max_iter - 1
        found = {0, last, param.warmup_iter, *(digit * 10**power for power in range(10) for digit in (1, 2, 5))}
        drops: Iterable[int] = param.stepvalue if param.lr_policy == "multistep" else ()
        if param.lr_policy == "step":
            drops = range(param.stepsize, self.max_iter, param.stepsize)
        for drop in list(drops)[:_MOST_STEPS]:
            found |= {drop - 1, drop}
        found |= {margin.floor for margin in self.margins if margin.floor is not None}
        return sorted(iteration for iteration in found if 0 <= iteration <= last)


def schedules_of(solver: SolverSource) -> Schedules:
    """The schedules of a solver's training net.

    Raises:
        ConfigError: the net cannot be read; NC121 for an annealing out of range.
    """
    net = solver.train_net()
    margins = []
    for source in filtered(net, net.param.state).layers():
        if source.param.type in MARGIN_LAYERS:
            layer = layer_types()[source.param.type](source, LayerContext())
            assert isinstance(layer, MarginProduct)
            check_annealing(layer, str(layer.param_field), layer.settings)
            classes = max(1, layer.settings.num_output)
            floor = floor_iteration(layer.settings) if lambda_matters(layer.settings) else None
            margins.append(MarginSchedule(source, layer, floor, math.log(classes)))
    return Schedules(solver, margins)


def schedule_table(schedules: Schedules, *, terminal: bool) -> str:
    """Iteration, rate and lambdas, a row each."""
    columns = [Column("iteration", right=True), Column("lr", right=True)]
    columns += [Column(f"lambda of {margin.layer.name}", right=True) for margin in schedules.margins]
    rows = [
        [str(i), f"{schedules.rate(i):.6g}", *(f"{margin.weight(i):.6g}" for margin in schedules.margins)]
        for i in schedules.sampled()
    ]
    return table(columns, rows, terminal=terminal)


def remarks(schedules: Schedules) -> list[str]:
    """What the numbers mean, one line each."""
    lines = []
    for margin in schedules.margins:
        name, least = margin.layer.name, margin.layer.settings.lambda_min
        lines.append(f"{name}: the loss begins near ln({margin.layer.settings.num_output}) = {margin.first_loss:.4g}")
        if margin.floor is not None:
            lines.append(f"{name}: lambda is at its floor {least:g} from iteration {margin.floor} on")
        if margin.expected_loss is not None:
            bound = f"{margin.expected_loss:.3g}"
            lines.append(f"{name}: with that floor expect a final loss below about {bound} (experience with m = 4)")
        if lambda_matters(margin.layer.settings):
            lines.append(
                f"{name}: a resumed run goes on with its lambda; with --weights it begins anew "
                "(lambda_iteration moves the start), as with every resume in the authors' Caffe"
            )
    return lines


def schedule_json(schedules: Schedules) -> dict[str, Any]:
    """The same for programs."""
    iterations = schedules.sampled()
    return {
        "schema": 1,
        "max_iter": schedules.max_iter,
        "lr_policy": schedules.solver.param.lr_policy,
        "iterations": iterations,
        "lr": [schedules.rate(i) for i in iterations],
        "lambda": {margin.layer.name: [margin.weight(i) for i in iterations] for margin in schedules.margins},
        "layers": {
            margin.layer.name: {
                "type": margin.layer.type_name,
                "margin": margin.layer.margin,
                "lambda_min": margin.layer.settings.lambda_min,
                "floor_iteration": margin.floor,
                "first_loss": margin.first_loss,
                "expected_loss": margin.expected_loss,
            }
            for margin in schedules.margins
        },
    }


def plot_schedules(schedules: Schedules, path: Path) -> None:
    """Rate and lambdas over the iterations, both with logarithmic axes. Raises RunError NC552 without matplotlib."""
    iterations = np.unique(np.geomspace(1, schedules.max_iter, _PLOTTED).astype(int)) - 1
    iterations = np.union1d(iterations, schedules.sampled())
    figure = new_figure(7, 3.6)
    axes = figure.subplots()
    axes.step(iterations, [schedules.rate(int(i)) for i in iterations], where="post", color="tab:blue")
    axes.set(xlabel="iteration", xlim=(0, schedules.max_iter), yscale="log")
    axes.set_ylabel("learning rate", color="tab:blue")
    if schedules.margins:
        right = axes.twinx()
        for margin, style in zip(schedules.margins, ("-", "--", ":", "-.") * len(schedules.margins), strict=False):
            weights = [margin.weight(int(i)) for i in iterations]
            right.plot(iterations, weights, style, color="tab:red", label=margin.layer.name)
        right.set_yscale("symlog", linthresh=1)
        right.set_ylabel("lambda", color="tab:red")
        if len(schedules.margins) > 1:
            right.legend()
    axes.set_title(f'lr_policy "{schedules.solver.param.lr_policy}"', fontsize=9)
    save_figure(figure, path)
