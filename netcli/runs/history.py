"""What a run has told, point by point, whether it stands in metrics.jsonl or in a log of Caffe."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

NAN = float("nan")


@dataclass
class Displayed:
    """A display.

    Attributes:
        iteration: the one that it is about.
        loss: of that iteration; ``smoothed_loss``: mean over the solver's average_loss last ones. NaN if not known.
        lr: the learning rate; NaN if not known.
        outputs: of the training net, those with one value; lambdas: by layer name.
    """

    iteration: int
    loss: float = NAN
    smoothed_loss: float = NAN
    lr: float = NAN
    outputs: dict[str, float] = field(default_factory=dict)
    lambdas: dict[str, float] = field(default_factory=dict)


@dataclass
class Measured:
    """A test of net number ``net`` after ``iteration`` updates: outputs with one value."""

    iteration: int
    net: int = 0
    outputs: dict[str, float] = field(default_factory=dict)


@dataclass
class History:
    """One run's points, in the order of their iterations.

    Attributes:
        name: what it is called in tables and legends.
        path: the run folder or the log.
        ended: "max_iter", "patience", "interrupted" or "diverged"; None if the run goes on, or was killed.
        iteration: updates made, as far as is known.
        max_iter, seed: None if not known.
        started: seconds since 1970; None if not known.
        seconds: the time from the start to the last thing that was told; of a run that went on, of its last part.
        damaged: lines that cannot be read.
    """

    name: str
    path: Path
    train: list[Displayed] = field(default_factory=list)
    tests: list[Measured] = field(default_factory=list)
    ended: str | None = None
    iteration: int = 0
    max_iter: int | None = None
    seed: int | None = None
    started: float | None = None
    seconds: float | None = None
    damaged: int = 0

    def resume_at(self, iteration: int) -> None:
        """Forgets what will be told again by a run that goes on from a snapshot at ``iteration``."""
        self.train = [point for point in self.train if point.iteration < iteration]
        self.tests = [point for point in self.tests if point.iteration <= iteration]
        self.iteration = iteration
        self.ended = None

    def add_test(self, measured: Measured) -> None:
        """A second test at the same place, as after a resume, replaces the first."""
        if self.tests and self.tests[-1].iteration >= measured.iteration:
            self.tests = [old for old in self.tests if (old.iteration, old.net) != (measured.iteration, measured.net)]
        self.tests.append(measured)
        self.iteration = max(self.iteration, measured.iteration)

    def add_train(self, displayed: Displayed) -> None:
        """A display."""
        self.train.append(displayed)
        self.iteration = max(self.iteration, displayed.iteration)
