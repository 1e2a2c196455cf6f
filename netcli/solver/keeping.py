"""Which snapshots are kept, which weights were the best, and when a run has nothing more to gain: listeners."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from netcli.errors import RunError, did_you_mean
from netcli.solver import events
from netcli.solver.metric_direction import better_when_larger
from netcli.solver.outputs import output_arrays
from netcli.solver.resume import snapshots_of
from netcli.solver.snapshot import snapshot_paths
from netcli.solver.training import Solver

_KEPT = "best"


@dataclass(frozen=True)
class Metric:
    """An output of a test net, and whether more of it is better."""

    name: str
    up: bool

    @classmethod
    def parse(cls, text: str) -> Metric:
        """``accuracy`` and its kin are better when larger, losses and errors when smaller; ``NAME:max``, ``NAME:min``.

        Raises:
            RunError: NC474 if neither the name nor the ending tells.
        """
        name, colon, end = text.rpartition(":")
        if colon and end in ("min", "max"):
            return cls(name, end == "max")
        up = better_when_larger(text)
        if up is not None:
            return cls(text, up)
        raise RunError.of(
            "NC474", f"is more or less of '{text}' better", hint=f"write {text}:max or {text}:min"
        )  # fmt: skip

    def is_better(self, value: float, best: float | None) -> bool:
        """True also for the first value; never for NaN."""
        if best is None:
            return value == value
        return value > best if self.up else value < best


def check_metric(solver: Solver, metric: Metric) -> None:
    """Sees that a test net has an output of that name with one value.

    Raises:
        RunError: NC474.
    """
    outputs = {name: array.size for net in solver.test_nets for name, array in output_arrays(net).items()}
    if outputs.get(metric.name) == 1:
        return
    if metric.name in outputs:
        message = f"'{metric.name}' has {outputs[metric.name]} values, a metric has one"
        raise RunError.of("NC474", message)
    hint, suggestion = did_you_mean(metric.name, outputs)
    raise RunError.of(
        "NC474", f"no test net has an output '{metric.name}'", expected=f"one of {', '.join(outputs)}" if outputs
        else "a test net: test_iter and test_interval", hint=hint, suggestion=suggestion,
    )  # fmt: skip


class KeepLast:
    """After each snapshot removes all but the newest ``count`` up to this iteration; never before it is whole."""

    def __init__(self, solver: Solver, count: int) -> None:
        self._solver = solver
        self._count = count

    def __call__(self, event: events.Event) -> None:
        if not isinstance(event, events.Snapshot) or event.state is None:
            return
        prefix = self._solver.prefix
        past = [(iteration, path) for iteration, path in snapshots_of(prefix) if iteration <= event.iteration]
        for iteration, state in past[: -self._count]:
            weights, _ = snapshot_paths(prefix, iteration, state.suffix == ".h5")
            # The state first: a state without weights would look like a damaged snapshot.
            _remove(state)
            _remove(weights)


class KeepBest:
    """Writes ``PREFIX_best.caffemodel`` after each test that is better than all before; ends a run that is stuck.

    The best value and the tests since then are part of every snapshot, so that a resumed run knows them.

    Args:
        patience: tests without a better one after which the run ends; None for never.
    """

    def __init__(self, solver: Solver, metric: Metric, patience: int | None = None) -> None:
        self._solver = solver
        self._metric = metric
        self._patience = patience

    def __call__(self, event: events.Event) -> None:
        if not isinstance(event, events.Test) or self._metric.name not in event.outputs:
            return
        value = event.outputs[self._metric.name]
        assert isinstance(value, float)
        known = self._solver.kept.get(_KEPT, {})
        if known.get("metric") != self._metric.name:
            known = {}
        if known.get("tested") == event.iteration:
            return
        if self._metric.is_better(value, known.get("value")):
            self._solver.save_weights(_KEPT)
            known = {"metric": self._metric.name, "value": value, "iteration": event.iteration, "waited": 0}
        else:
            known = {**known, "metric": self._metric.name, "waited": known.get("waited", 0) + 1}
        self._solver.kept[_KEPT] = {**known, "tested": event.iteration}
        if self._patience is not None and known["waited"] >= self._patience:
            self._solver.request(events.Request.FINISH)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
