"""The best results of a run: of each output of its test nets the best value and when it was reached."""

from __future__ import annotations

from dataclasses import dataclass

from netcli.runs.history import History
from netcli.solver.metric_direction import better_when_larger


@dataclass(frozen=True)
class Best:
    """The best value of an output; the first one among equals.

    Attributes:
        up: True if more is better; None if the name does not tell: then it is the last value.
    """

    output: str
    net: int
    value: float
    iteration: int
    up: bool | None


def best_results(history: History) -> list[Best]:
    """One for each output of each test net, in the order in which they are first told. NaN is never the best."""
    found: dict[tuple[int, str], Best] = {}
    for tested in history.tests:
        for output, value in tested.outputs.items():
            up = better_when_larger(output)
            old = found.get((tested.net, output))
            if value == value and (old is None or up is None or (value > old.value if up else value < old.value)):
                found[tested.net, output] = Best(output, tested.net, value, tested.iteration, up)
    return list(found.values())


def best_accuracy(history: History) -> Best | None:
    """Of the first output of which more is better."""
    return next((best for best in best_results(history) if best.up), None)


def best_loss(history: History) -> Best | None:
    """Of the first output of which less is better."""
    return next((best for best in best_results(history) if best.up is False), None)
