"""numba's cache of compiled functions, for several processes at once.

numba numbers the files of a function's signatures by what it finds in an index; two processes that compile two
signatures at the same time may take the same number, and one then loads the other's code (numba issue 10128). Here a
process that finds nothing in the cache locks the function's entry until it has compiled and stored it; the others wait
for that and load it. So nothing is compiled twice either. A function's callees are locked inside its own lock, and no
function calls itself through others, so processes cannot wait for each other in a circle.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from numba.core.caching import FunctionCache

try:
    import fcntl
except ImportError:  # where there is no flock
    fcntl = None  # type: ignore[assignment]

PATIENCE = 120.0
"""Seconds after which a process no longer waits for another one, which may hang, and compiles for itself."""

_PAUSE = 0.02

_at_first_miss: Callable[[], object] | None = None


def at_first_miss(call: Callable[[], object] | None) -> None:
    """Calls ``call`` once, when next this process finds that it has to compile something."""
    global _at_first_miss
    _at_first_miss = call


def _tell_of_miss() -> None:
    global _at_first_miss
    if _at_first_miss is not None:
        call, _at_first_miss = _at_first_miss, None
        call()


class LockedCache(FunctionCache):
    """The cache of one function."""

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self._lock: IO[bytes] | None = None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What is compiled for ``sig``; if nothing, None and the lock, which ``save_overload`` gives back."""
        found = super().load_overload(sig, target_context)
        if found is not None or self._lock is not None:
            return found
        self._lock = _locked(Path(self._cache_path) / f"{self._impl.filename_base}.lock")
        found = super().load_overload(sig, target_context)
        if found is not None:
            self._unlock()
        else:
            _tell_of_miss()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        finally:
            self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _locked(path: Path) -> IO[bytes] | None:
    """The file, open and locked; None where it cannot be, and one has to do without."""
    if fcntl is None:
        return None
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return file
            time.sleep(_PAUSE)
        file.close()
    return None
