"""Logs of Caffe, old and new, read back as a history. Forks that keep Caffe's wording are read as well.

The lines, after glog's head (``I0315 09:26:53.589793  1234 solver.cpp:228] ``, which may be missing)::

    Solving LeNet
    Iteration 0, Testing net (#0)
        Test net output #0: accuracy = 0.1059
        Test net output #1: loss = 2.34 (* 1 = 2.34 loss)
    Iteration 100, loss = 0.25                                  to 2016
    Iteration 100 (25.1 iter/s, 3.98s/100 iters), loss = 0.25   since
        Train net output #0: loss = 0.26 (* 1 = 0.26 loss)
    Iteration 100, lr = 0.00992565
    Testing net                                                 2013: of the iteration that was named last
    Test score #0: 0.9911                                       2013 and 2014, whose outputs have no names
    Optimization Done.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from netcli.errors import RunError
from netcli.runs.history import Displayed, History, Measured

_NUMBER = r"([-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+|nan|inf))"
_HEAD = re.compile(r"^[IWEF](?:(\d{4}))?(\d\d)(\d\d) (\d\d):(\d\d):(\d\d)\.(\d{6})")
_TESTING = re.compile(r"(?:Iteration (\d+), )?Testing net(?: \(#(\d+)\))?")
_LOSS = re.compile(rf"Iteration (\d+)(?: \([^)]*\))?, loss = {_NUMBER}")
_RATE = re.compile(rf"Iteration (\d+), lr = {_NUMBER}")
_OUTPUT = re.compile(rf"(Train|Test) net output #\d+: (.+?) = {_NUMBER}(?: \(\* {_NUMBER} = {_NUMBER} loss\))?")
_SCORE = re.compile(rf"Test score #(\d+): {_NUMBER}")
_MAX_ITER = re.compile(r"^max_iter: (\d+)")
_RESUMED = re.compile(r"Resuming from|Restoring previous solver status")
_ENDS = {"Optimization Done.": "max_iter", "Optimization stopped early.": "interrupted"}
_SPARE_YEAR, _SPARE_YEAR_SECONDS = 2000, 366 * 86400
"""For heads without a year: a leap year, so that every date exists. A run over New Year's Eve goes on in the next."""


def read_caffe_log(path: Path) -> History:
    """The history in a log.

    Raises:
        RunError: NC531 if the file cannot be read, or holds no line of an iteration.
    """
    try:
        content = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise RunError.of("NC531", f"the log '{path}' cannot be read: {error.strerror}") from error
    reader = _Reader(History(path.name, path))
    for line in content.splitlines():
        reader.read(line)
    history = reader.history
    if not history.train and not history.tests:
        raise RunError.of(
            "NC531", f"'{path}' is no log of Caffe: it tells of no iteration",
            expected='lines like "Iteration 100, loss = 0.25"',
        )  # fmt: skip
    return history


class _Reader:
    """Goes through the lines; outputs belong to the test or the display that was named last."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._test: Measured | None = None
        self._train: Displayed | None = None
        self._begin: datetime | None = None
        self._resumed = False
        self._weighted = 0.0

    def read(self, line: str) -> None:
        """One line; those that tell nothing here are passed over."""
        self._read_time(line)
        if found := _TESTING.search(line):
            iteration = self.history.iteration if found[1] is None else int(found[1])
            self._going_on(iteration)
            self._test = Measured(iteration, int(found[2] or 0))
            self.history.add_test(self._test)
        elif found := _LOSS.search(line):
            self._display(int(found[1])).loss = float(found[2])
            self._display(int(found[1])).smoothed_loss = float(found[2])
        elif found := _OUTPUT.search(line):
            self._read_output(found)
        elif (found := _SCORE.search(line)) and self._test is not None:
            self._test.outputs[f"score {found[1]}"] = float(found[2])
        elif found := _RATE.search(line):
            self._display(int(found[1])).lr = float(found[2])
        elif found := _MAX_ITER.search(line):
            self.history.max_iter = int(found[1])
        elif _RESUMED.search(line):
            self._resumed = True
        else:
            self.history.ended = next((end for text, end in _ENDS.items() if text in line), self.history.ended)

    def _read_output(self, found: re.Match[str]) -> None:
        """The first output of a name counts: those of a blob with several values bear the same one."""
        kind, name, value, _, weighted = found.groups()
        if kind == "Test" and self._test is not None:
            self._test.outputs.setdefault(name, float(value))
        elif kind == "Train" and self._train is not None:
            self._train.outputs.setdefault(name, float(value))
            if weighted is not None:
                self._weighted += float(weighted)
                self._train.loss = self._weighted

    def _display(self, iteration: int) -> Displayed:
        """Of one display first the loss is told and then the rate; in 2013 it was the other way round."""
        if self._train is None or self._train.iteration != iteration or self._resumed:
            self._going_on(iteration)
            self._train = Displayed(iteration)
            self._weighted = 0.0
            self.history.add_train(self._train)
        return self._train

    def _going_on(self, iteration: int) -> None:
        """What a log that was added to tells a second time counts once."""
        if self._resumed or iteration < self.history.iteration:
            self.history.resume_at(iteration)
        self._resumed = False

    def _read_time(self, line: str) -> None:
        if not (head := _HEAD.match(line)):
            return
        year, month, day, hour, minute, second, fraction = (int(part or 0) for part in head.groups())
        try:
            now = datetime(year or _SPARE_YEAR, month, day, hour, minute, second, fraction, UTC)
        except ValueError:
            return
        self._begin = self._begin or now
        if "Solving " in line:
            self._begin = now
        seconds = (now - self._begin).total_seconds()
        self.history.seconds = seconds if seconds >= 0 or year else seconds + _SPARE_YEAR_SECONDS
        if year:
            self.history.started = self._begin.timestamp()
