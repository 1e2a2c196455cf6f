"""Text files that are either whole or not there."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from netcli.errors import RunError


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes ``text`` to ``path``, by way of a temporary file beside it: a reader never sees half of it.

    Raises:
        RunError: NC511 if it cannot be written; what stood there before is left alone.
    """
    target = Path(path)
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with open(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise unwritable(target, error) from error


def unwritable(path: str | os.PathLike[str], error: OSError) -> RunError:
    """NC511 for a file that cannot be written, with the system's reason."""
    return RunError.of("NC511", f"cannot write '{os.fspath(path)}': {error.strerror or error}")
