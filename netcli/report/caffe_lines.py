"""A run as lines that Caffe's own log parsers accept (``parse_log.py``, ``parse_log.sh``, ``extract_seconds.py``).

Each line begins as glog's do, ``I0315 09:26:53.589793  1234 solver.cpp:0] ``: a letter, month and day, the time, the
process, a file. The file is the one that says it in Caffe; its line is 0, since there is none here. What follows is
worded as in Caffe 1.0, but the line of an iteration is the older ``Iteration 100, loss = 0.25`` without iterations per
second, since ``parse_log.sh`` takes the loss to be the ninth word.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from datetime import datetime

from netcli.report.compile_notice import CompileNotice
from netcli.report.divergence import divergence_text
from netcli.report.lines import SHOWN_VALUES
from netcli.solver import events

_SOLVER, _UPDATE = "solver.cpp", "sgd_solver.cpp"


class CaffeReport:
    """A listener that prints to standard error, as Caffe does with ``GLOG_logtostderr=1``.

    Args:
        net: the net's name, and ``lr_policy``, which Caffe tells when it begins.
        now: the clock, for tests.
    """

    def __init__(self, net: str, lr_policy: str, now: Callable[[], datetime] = datetime.now) -> None:
        self._net = net
        self._lr_policy = lr_policy
        self._now = now
        self._max_iter = -1
        self._compiling = CompileNotice(self.say)

    def __call__(self, event: events.Event) -> None:
        self._compiling(event)
        for file, text in self._lines(event):
            self._print(file, text)

    def say(self, line: str) -> None:
        """Prints what Caffe would not say, as a line of the same form: its parsers stumble over any other."""
        for part in line.splitlines():
            self._print("netcli", part)

    def close(self) -> None:
        """Ends what is still pending."""
        self._compiling.close()

    def _print(self, file: str, text: str) -> None:
        stamp = self._now().strftime("%m%d %H:%M:%S.%f")
        print(f"I{stamp} {os.getpid():5d} {file}:0] {text}", file=sys.stderr, flush=True)

    def _lines(self, event: events.Event) -> Iterator[tuple[str, str]]:
        """(source file, text) of each line."""
        match event:
            case events.Started():
                self._max_iter = event.max_iter
                yield _SOLVER, f"Solving {self._net}"
                yield _SOLVER, f"Learning Rate Policy: {self._lr_policy}"
            case events.Train():
                yield _SOLVER, f"Iteration {event.iteration}, loss = {event.smoothed_loss:.6g}"
                if event.iteration != self._max_iter:
                    # After the last update Caffe tells the loss alone: no update follows.
                    yield from _outputs("Train", event.outputs, event.loss_weights)
                    yield _UPDATE, f"Iteration {event.iteration}, lr = {event.lr:.6g}"
            case events.Test():
                yield _SOLVER, f"Iteration {event.iteration}, Testing net (#{event.net})"
                if event.loss is not None:
                    yield _SOLVER, f"Test loss: {event.loss:.6g}"
                yield from _outputs("Test", event.outputs, event.loss_weights)
            case events.Snapshot():
                yield _SOLVER, f"Snapshotting to binary proto file {event.weights}"
                if event.state is not None:
                    yield _UPDATE, f"Snapshotting solver state to binary proto file {event.state}"
            case events.Diverged():
                yield from ((_SOLVER, line) for line in divergence_text(event).splitlines())
            case events.Finished():
                done = "stopped early" if event.reason == "interrupted" else "Done"
                yield _SOLVER, f"Optimization {done}."
            case events.Debug():
                yield "net.cpp", event.line


def _outputs(kind: str, outputs: events.Outputs, weights: dict[str, float]) -> Iterator[tuple[str, str]]:
    """One line for each value, numbered through; of a blob with many the first ones, which Caffe would print all."""
    number = 0
    for name, value in outputs.items():
        values = value if isinstance(value, list) else [value]
        for index, single in enumerate(values[:SHOWN_VALUES], number):
            weighted = f" (* {weights[name]:g} = {weights[name] * single:.6g} loss)" if name in weights else ""
            yield _SOLVER, f"    {kind} net output #{index}: {name} = {single:.6g}{weighted}"
        if len(values) > SHOWN_VALUES:
            yield _SOLVER, f"    ({len(values) - SHOWN_VALUES} more values of {name})"
        number += len(values)
