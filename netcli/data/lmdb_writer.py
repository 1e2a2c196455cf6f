"""Writes Caffe's LMDBs: all or nothing.

The data set grows in a temporary folder beside its target, is flushed to the disk and then renamed, so that a
folder with the target's name is always complete.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from netcli.data.datum import make_datum
from netcli.data.lmdb_source import looks_like_lmdb
from netcli.errors import RunError

ITEMS_PER_TRANSACTION = 1000
"""As in Caffe's tools: enough to be fast, few enough to keep in memory."""

FIRST_MAP_SIZE = 1 << 26
"""Address space, in bytes, that a new LMDB begins with; doubled whenever it is full."""


class LmdbWriter:
    """A new LMDB of labelled images, as a context manager; what was added appears at ``path`` when it ends well.

    Keys are the item's number in eight digits, as Caffe's tools write them, followed by ``_name`` when a name is
    given. When the block ends with an exception, nothing is left behind and ``path`` is as it was.

    Args:
        path: the folder to make; its parents are made too.
        force: replace an LMDB that is already there.

    Raises:
        RunError: NC210 ``path`` exists, NC209 it cannot be written (disk full, no permission), NC211 nothing was added.
    """

    def __init__(self, path: Path | str, *, force: bool = False) -> None:
        self.path = Path(path)
        self.force = force
        self._count = 0
        self._pending: list[tuple[bytes, bytes]] = []
        self._environment: Any = None
        self._temporary: Path | None = None

    def __enter__(self) -> LmdbWriter:
        import lmdb

        check_target(self.path, self.force)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._temporary = _new_folder_beside(self.path)
            self._environment = lmdb.open(str(self._temporary), map_size=FIRST_MAP_SIZE, lock=False, sync=False)
        except (OSError, lmdb.Error) as error:
            self._discard()
            raise self._unwritable(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._discard()

    def __len__(self) -> int:
        return self._count

    def add(self, pixels: np.ndarray, label: int | None, name: str = "") -> None:
        """Appends one item: ``pixels`` (C, H, W) uint8 or float32, ``label`` a 32-bit integer or None."""
        self.add_datum(make_datum(pixels, label), name)

    def add_datum(self, datum: bytes, name: str = "") -> None:
        """Appends one serialised Datum."""
        key = f"{self._count:08d}" + (f"_{name}" if name else "")
        self._pending.append((key.encode(), datum))
        self._count += 1
        if len(self._pending) >= ITEMS_PER_TRANSACTION:
            self._flush()

    def _flush(self) -> None:
        """Writes what is pending in one transaction, with a larger map where the present one is full."""
        import lmdb

        while self._pending:
            try:
                with self._environment.begin(write=True) as transaction:
                    for key, value in self._pending:
                        transaction.put(key, value, append=True)
                self._pending.clear()
            except lmdb.MapFullError:
                self._environment.set_mapsize(2 * self._environment.info()["map_size"])
            except (OSError, lmdb.Error) as error:
                raise self._unwritable(error) from error

    def _finish(self) -> None:
        import lmdb

        if self._count == 0:
            raise RunError.of("NC211", f"no items for '{self.path}'", expected="at least one", actual=0)
        self._flush()
        assert self._temporary is not None
        try:
            self._environment.sync(True)
            self._environment.close()
            self._environment = None
            _sync_folder(self._temporary)
            self._move_into_place(self._temporary)
            _sync_folder(self.path.parent)
        except (OSError, lmdb.Error) as error:
            raise self._unwritable(error) from error

    def _move_into_place(self, temporary: Path) -> None:
        check_target(self.path, self.force)
        old = None
        if self.path.exists():
            old = _new_folder_beside(self.path) / self.path.name
            self.path.rename(old)
        try:
            temporary.rename(self.path)
        except OSError:
            if old is not None:
                old.rename(self.path)
            raise
        finally:
            if old is not None:
                shutil.rmtree(old.parent, ignore_errors=True)

    def _discard(self) -> None:
        if self._environment is not None:
            self._environment.close()
            self._environment = None
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None

    def _unwritable(self, error: Exception) -> RunError:
        return unwritable(self.path, error)


def check_target(path: Path, force: bool) -> None:
    """Raises RunError NC210 when a data set may not be written to ``path``: something is there already.

    With ``force`` an LMDB or an empty folder may be replaced, and nothing else.
    """
    if not os.path.lexists(path):
        return
    if not force:
        raise RunError.of("NC210", f"'{path}' exists already", hint="use --force to replace it, or remove it")
    if not looks_like_lmdb(path) and not (path.is_dir() and not any(path.iterdir())):
        raise RunError.of(
            "NC210", f"'{path}' exists and is no LMDB: it will not be replaced", hint="choose another path"
        )


def unwritable(path: Path, error: Exception) -> RunError:
    """NC209 for ``path``: the disk is full, the folder read-only or missing, ..."""
    return RunError.of(
        "NC209",
        f"cannot write '{path}': {error}",
        hint="check that the folder is writable and that the disk has room; nothing was left behind",
    )


def _new_folder_beside(path: Path) -> Path:
    """A hidden folder that nobody else has, on the same file system as ``path``."""
    folder = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    folder.mkdir()
    return folder


def _sync_folder(folder: Path) -> None:
    """Makes the names in ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
