"""Tells that kernels are being compiled, if the first iteration takes so long that one would wonder."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from netcli.report import units
from netcli.solver import events

PATIENCE = 1.5
"""Seconds to wait before saying anything."""


class CompileNotice:
    """A listener: from the start of a run to its first finished iteration.

    Args:
        say: prints a line; called from another thread once.
        patience: seconds.
    """

    def __init__(self, say: Callable[[str], None], patience: float = PATIENCE) -> None:
        self._say = say
        self._patience = patience
        self._timer: threading.Timer | None = None
        self._said = False
        self._since = 0.0

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.Started):
            self._since = time.monotonic()
            self._timer = threading.Timer(self._patience, self._tell)
            self._timer.daemon = True
            self._timer.start()
        elif isinstance(event, events.Progress | events.Diverged | events.Finished):
            self.close()

    def close(self) -> None:
        """The first iteration is over, or the run."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer.join()
        self._timer = None
        if self._said:
            self._say(f"kernels ready after {units.duration(time.monotonic() - self._since)}")

    def _tell(self) -> None:
        self._said = True
        self._say("compiling kernels (first run only) ...")
