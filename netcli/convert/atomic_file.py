"""Files that are either wholly there or not at all, and what to say when one cannot be written."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path

from netcli.errors import RunError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_atomically(path: str | os.PathLike[str], content: bytes | memoryview) -> None:
    """Writes a file beside ``path``, flushes it to the disk and renames it to ``path``.

    Whatever happens, ``path`` holds its old content or the new one.

    Raises:
        RunError: NC459 if the disk is full or the folder cannot be written; nothing is left behind.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        try:
            with open(temporary, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        _sync_folder(target.parent)
    except OSError as error:
        raise unwritable(target, error) from error


def unwritable(path: Path, error: OSError) -> RunError:
    """NC459: the disk is full, the folder is missing or may not be written, ..."""
    if error.errno in _NO_ROOM:
        hint = "make room on the disk; a file that was there before is untouched"
    elif not path.parent.is_dir():
        hint = f"the folder '{path.parent}' does not exist"
    else:
        hint = f"is the folder '{path.parent}' yours to write?"
    return RunError.of("NC459", f"cannot write '{path}': {error.strerror or error}", hint=hint)


def _sync_folder(folder: Path) -> None:
    """Makes the new name durable, where the system lets a folder be opened."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
