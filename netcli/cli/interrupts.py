"""Ctrl-C: the first asks the run to end, the second ends it at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def stop_on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """While inside, the first SIGINT calls ``stop`` and the next raises KeyboardInterrupt, as usual.

    Signals belong to the main thread; in any other nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop()
        # A handler may interrupt a write to the buffered stream, so it writes past the buffer.
        with contextlib.suppress(OSError):
            os.write(2, b"\nfinishing the iteration; Ctrl-C again quits at once\n")

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
