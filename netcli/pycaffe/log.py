"""pycaffe's log: silent until ``init_log`` is called."""

from __future__ import annotations

import logging

_LOGGER = logging.getLogger("netcli.pycaffe")
_LEVELS = (logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
"""glog's 0 (INFO) to 3 (FATAL)."""

_LOGGER.addHandler(logging.NullHandler())


def init_log(level: int = 0, stderr: bool = False) -> None:
    """Logs from ``level`` on: 0 information, 1 warnings, 2 errors, 3 fatal errors.

    Args:
        level: glog's number.
        stderr: also print to standard error; otherwise the messages go only to the handlers that the
            program has given Python's logger ``netcli.pycaffe``.
    """
    _LOGGER.setLevel(_LEVELS[min(max(level, 0), len(_LEVELS) - 1)])
    if stderr and not any(type(handler) is logging.StreamHandler for handler in _LOGGER.handlers):
        _LOGGER.addHandler(logging.StreamHandler())


def log(message: str) -> None:
    """Logs a message of level 0."""
    _LOGGER.info("%s", message)
