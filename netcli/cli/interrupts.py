"""Signals to a run, as in Caffe: SIGINT asks it to end, SIGHUP for a snapshot, unless they are set otherwise."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from netcli.solver.events import Request

EFFECTS: dict[str, Request | None] = {"stop": Request.STOP, "snapshot": Request.SNAPSHOT, "none": None}
"""What a signal may lead to, by the names that Caffe gives."""

_SAYS = {
    Request.STOP: b"\nfinishing the iteration; Ctrl-C again quits at once\n",
    Request.SNAPSHOT: b"\na snapshot follows after this iteration\n",
}


@contextlib.contextmanager
def signal_effects(
    request: Callable[[Request], None],
    sigint: str = "stop",
    sighup: str = "snapshot",
    sigterm: str | None = None,
    *,
    speaks: bool = True,
) -> Iterator[None]:
    """While inside, SIGINT and SIGHUP lead to ``request``; after one that stops, SIGINT raises KeyboardInterrupt.

    Signals belong to the main thread; in any other nothing is changed, and nothing for SIGHUP where there is none.

    Args:
        sigint, sighup: keys of ``EFFECTS``.
        sigterm: the same; None leaves SIGTERM alone. Launchers pass a Ctrl-C, or the end of the time, on as SIGTERM.
        speaks: False answers signals in silence.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    effects = {signal.SIGINT: EFFECTS[sigint]}
    if hasattr(signal, "SIGHUP"):
        effects[signal.SIGHUP] = EFFECTS[sighup]
    if sigterm is not None:
        effects[signal.SIGTERM] = EFFECTS[sigterm]

    def handle(number: int, frame: FrameType | None) -> None:
        effect = effects[signal.Signals(number)]
        if effect is None:
            return
        if effect is Request.STOP:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        request(effect)
        if not speaks:
            return
        # A handler may interrupt a write to the buffered stream, so it writes past the buffer.
        with contextlib.suppress(OSError):
            os.write(2, _SAYS[effect])

    before = {number: signal.signal(number, handle) for number in effects}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
