"""What ``--skip-bad`` keeps book of: items that could not be read, each once."""

from __future__ import annotations

import threading
from collections.abc import Callable

from netcli.errors import RunError

UNREADABLE = ("NC203", "NC221")
"""Codes of errors that concern one item only: a corrupt datum, an image that is missing or broken."""


class SkippedItems:
    """Counts and names the items that were passed over; may be told by several threads.

    Args:
        tell: called with the error of every such item, once, from the thread that came across it.
    """

    def __init__(self, tell: Callable[[RunError], None] = lambda error: None) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._messages: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def messages(self) -> list[str]:
        """One for each item, in alphabetical order: the order of their discovery depends on the threads."""
        return sorted(self._messages)

    def add_messages(self, messages: list[str]) -> None:
        """Those of other processes."""
        self._messages.update(dict.fromkeys(messages))

    def add(self, error: RunError) -> None:
        """``error`` says which item could not be read."""
        message = error.findings[0].message
        with self._lock:
            if message in self._messages:
                return
            self._messages[message] = None
        self._tell(error)
