"""What is done to the device while a graph is captured, in the simulator: calls that are kept instead of made.

On a device the driver does this by itself, and complains about what a graph cannot hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netcli.runtime.cuda import toolkit

Call = tuple[Callable[..., None], tuple[Any, ...]]

_running: list[list[Call]] = []
"""The recording under way, if any."""


class NotCapturable(Exception):
    """Something that a graph cannot hold, such as waiting for a result, was asked for during a capture."""


def begin() -> None:
    """From now on calls are kept; on a device, ``refuse`` complains."""
    _running.append([])


def end() -> list[Call]:
    """The calls since ``begin``, in order; empty on a device."""
    return _running.pop()


def takes(call: Callable[..., None], *arguments: Any) -> bool:
    """True if ``call`` is kept for later, so that it must not be made now."""
    if _running and toolkit.SIMULATED:
        _running[-1].append((call, arguments))
        return True
    return False


def refuse(what: str) -> None:
    """Raises NotCapturable if a graph is being captured."""
    if _running:
        raise NotCapturable(what)
