"""A run as plain lines: for log files, pipes and CI."""

from __future__ import annotations

import sys

from netcli.report.compile_notice import CompileNotice
from netcli.report.lines import event_line
from netcli.solver import events


class PlainReport:
    """A listener that prints one line to standard error for each display, test and snapshot."""

    def __init__(self) -> None:
        self._compiling = CompileNotice(self.say)

    def __call__(self, event: events.Event) -> None:
        self._compiling(event)
        line = event_line(event)
        if line is not None:
            self.say(line)

    def say(self, line: str) -> None:
        """Prints a line at once."""
        print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Ends what is still pending."""
        self._compiling.close()
