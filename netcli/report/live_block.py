"""What a run looks like at the moment, as a few lines: how training goes, and how the tests went."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from netcli.report import units
from netcli.report.lines import value_text
from netcli.solver import events
from netcli.solver.metric_direction import better_when_larger

LOSSES = 100
"""Iterations over which the loss is averaged."""
_TESTS = 24
_BARS = "▁▂▃▄▅▆▇█"
_GAP = "   "
_PREFERENCE = (True, False, None)
"""Of a test's outputs an accuracy is shown; without one, a loss or an error; else any other."""


@dataclass
class LiveBlock:
    """Takes events in and gives the lines."""

    images_per_iteration: int = 0
    iteration: int = 0
    _losses: deque[float] = field(default_factory=lambda: deque(maxlen=LOSSES))
    _train: events.Train | None = None
    _tests: deque[float] = field(default_factory=lambda: deque(maxlen=_TESTS))
    _tested: str = ""

    def take(self, event: events.Event) -> None:
        """Remembers what is shown of ``event``."""
        match event:
            case events.Started():
                self.images_per_iteration = event.batch_size * event.iter_size
                self.iteration = event.iteration
            case events.Progress():
                self.iteration = event.iteration
                self._losses.append(event.loss)
            case events.Train():
                self._train = event
            case events.Test(net=0):
                self._take_test(event)

    def training_lines(self, iterations_per_second: float | None, width: int) -> list[str]:
        """``epoch 2.24   loss 0.1234 (mean of 100: 0.1502)   lr 0.0098   lambda 7.34   15,523 images/s   data wait 1%``

        What is not known yet, or not there, is left out; what does not fit into ``width`` columns goes to another line.
        """
        lines: list[str] = []
        for part in self._training(iterations_per_second):
            if lines and len(lines[-1]) + len(_GAP) + len(part) <= width:
                lines[-1] += _GAP + part
            else:
                lines.append(part)
        return lines

    def test_line(self) -> str:
        """``accuracy 0.9915 at 250   ▁▅▇█``: the last test, and those before it between their least and largest."""
        return f"{self._tested}{_GAP}{sparkline(list(self._tests))}" if self._tests else ""

    def _training(self, iterations_per_second: float | None) -> list[str]:
        parts = []
        train = self._train
        if train is not None and train.epoch is not None:
            parts.append(f"epoch {train.epoch * (self.iteration / (train.iteration + 1)):.2f}")
        if self._losses:
            mean = sum(self._losses) / len(self._losses)
            parts.append(f"loss {value_text(self._losses[-1])} (mean of {len(self._losses)}: {value_text(mean)})")
        if train is not None:
            parts.append(f"lr {train.lr:.4g}")
            names = [f" of {layer}" if len(train.lambdas) > 1 else "" for layer in train.lambdas]
            parts += [f"lambda{name} {value:.4g}" for name, value in zip(names, train.lambdas.values(), strict=True)]
        if iterations_per_second and self.images_per_iteration:
            parts.append(f"{units.count(round(iterations_per_second * self.images_per_iteration))} images/s")
        if train is not None and train.seconds > 0:
            parts.append(f"data wait {train.data_wait:.0%}")
        return parts

    def _take_test(self, event: events.Test) -> None:
        found = [(name, value) for name, value in event.outputs.items() if isinstance(value, float | int)]
        if found:
            name, value = min(found, key=lambda item: _PREFERENCE.index(better_when_larger(item[0])))
            self._tests.append(float(value))
            self._tested = f"{name} {value_text(value)} at {event.iteration}"


def sparkline(values: list[float]) -> str:
    """A bar for each value, from the least to the largest; all alike in the middle.

    >>> sparkline([0.0, 0.5, 1.0])
    '▁▅█'
    """
    least, largest = min(values), max(values)
    if not largest > least:
        return _BARS[len(_BARS) // 2 - 1] * len(values)
    return "".join(_BARS[min(len(_BARS) - 1, int((v - least) / (largest - least) * len(_BARS)))] for v in values)
