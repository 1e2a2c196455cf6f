"""``caffe.Timer``."""

from __future__ import annotations

import time


class Timer:
    """A stopwatch: ``start()``, ``stop()``, then ``ms``."""

    def __init__(self) -> None:
        self._begin = 0.0
        self._seconds = 0.0
        self._running = False

    def start(self) -> None:
        """Starts anew, unless it runs."""
        if not self._running:
            self._begin = time.perf_counter()
            self._running = True

    def stop(self) -> None:
        """Stops, if it runs."""
        if self._running:
            self._seconds = time.perf_counter() - self._begin
            self._running = False

    @property
    def ms(self) -> float:
        """Milliseconds from the last start to the last stop; it stops first if it runs."""
        self.stop()
        return self._seconds * 1000
