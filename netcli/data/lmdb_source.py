"""Reads Caffe's LMDBs: folders with a ``data.mdb`` whose values are Datum messages, in the order of their keys."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from netcli.data.datum import CorruptDatum, Item, by, parse_datum
from netcli.data.image_decoding import Colour
from netcli.errors import RunError

_REMAKE = "the data set must be made or copied again"

# LMDB forbids to open a folder twice in one process, and a train and a test net may well read the same one.
_environments: dict[str, tuple[Any, int]] = {}
_environments_lock = threading.Lock()


class LmdbSource:
    """The items of one LMDB, one after another and round again, as Caffe's cursor gives them.

    Each source has a cursor of its own; a source may move between threads but is used by one at a time.

    Args:
        path: the folder that holds ``data.mdb``.
        colour: how encoded images are decoded.
        tolerant: take the first item that can be read for the first, where there is any.

    Attributes:
        path: the folder as given.
        shape: (C, H, W) of the first item.
        labelled: whether the first item has a label.
        encoded: whether the first item is a compressed image.
        position: index in key order of the item that ``next_item`` gives.

    Raises:
        RunError: NC200 missing, NC201 not an LMDB, NC202 empty, NC220 truncated or damaged, NC203 first datum corrupt.
    """

    def __init__(self, path: Path | str, colour: Colour = Colour.STORED, *, tolerant: bool = False) -> None:
        import lmdb

        self._lmdb_error: type[Exception] = lmdb.Error
        self.path = Path(path)
        self.colour = colour
        self.position = 0
        self._real = str(self.path.resolve())
        self._environment = _acquire(self.path, self._real)
        self._transaction: Any = None
        self._cursor: Any = None
        try:
            self._size = int(self._environment.stat()["entries"])
            if self._size == 0:
                raise RunError.of(
                    "NC202",
                    f"LMDB '{self.path}' is empty",
                    expected="at least one item",
                    actual="0 items",
                    hint="the tool that made it found no images: look at its log, or make the data set again",
                )
            self._transaction = self._environment.begin(buffers=False)
            self._cursor = self._transaction.cursor()
            self._move(self._cursor.first)
            first = self._first_item(tolerant)
            self.shape: tuple[int, int, int] = first.pixels.shape
            self.labelled = first.label is not None
            self.encoded = first.encoded
            self.seek(0)
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return self._size

    def __enter__(self) -> LmdbSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def seek(self, index: int) -> None:
        """Makes item ``index`` (modulo the size) the next one. Steps over keys only, without touching the values."""
        index %= self._size
        if index < self.position:
            self._move(self._cursor.first)
            self.position = 0
        while self.position < index:
            self._step()

    def next_item(self) -> tuple[str, Item]:
        """The item at the cursor, with its key; the cursor moves on and wraps round.

        Raises:
            RunError: NC203, the datum is corrupt.
        """
        key = printable(self._cursor.key())
        try:
            item = parse_datum(self._cursor.value(), self.colour)
        except CorruptDatum as error:
            raise RunError.of(
                "NC203", f"corrupt datum, key {key} of '{self.path}' (item {self.position}): {error}", hint=_REMAKE
            ) from error
        self._step()
        return key, item

    def datum(self, index: int) -> tuple[str, Item]:
        """Key and item ``index`` (modulo the size); the cursor then stands behind it."""
        self.seek(index)
        return self.next_item()

    def read_into(self, index: int, pixels: np.ndarray, labels: np.ndarray | None = None) -> list[str]:
        """Fills ``pixels`` (N, C, H, W) and ``labels`` (N,) with N items from ``index`` on, wrapping round.

        Returns:
            the keys of the items.

        Raises:
            RunError: NC203 corrupt datum, NC204 a shape other than ``pixels``' own, NC205 label missing.
        """
        self.seek(index)
        keys = []
        for i in range(len(pixels)):
            key, item = self.next_item()
            self.check_shape(key, item, pixels.shape[1:])
            pixels[i] = item.pixels
            if labels is not None:
                labels[i] = self.label_of(key, item)
            keys.append(key)
        return keys

    def check_shape(self, key: str, item: Item, expected: tuple[int, ...]) -> None:
        """Raises RunError NC204 unless the pixels of ``item`` have the shape ``expected`` (C, H, W)."""
        if item.pixels.shape != expected:
            raise RunError.of(
                "NC204",
                f"datum of another shape, key {key} of '{self.path}'",
                expected=by(expected),
                actual=by(item.pixels.shape),
                hint="all items must have one shape unless crop_size is set: make the data set with a fixed size",
            )

    def label_of(self, key: str, item: Item) -> int:
        """The label of ``item``; raises RunError NC205 when there is none."""
        if item.label is None:
            raise RunError.of(
                "NC205",
                f"datum without a label, key {key} of '{self.path}'",
                hint="give the Data layer one top only, or make the data set with labels",
            )
        return item.label

    def close(self) -> None:
        """Frees the cursor; the LMDB itself is closed with its last user. May be called again."""
        if self._cursor is not None:
            self._cursor.close()
        if self._transaction is not None:
            self._transaction.abort()
        self._cursor = self._transaction = None
        if self._environment is not None:
            _release(self._real)
        self._environment = None

    def _first_item(self, tolerant: bool) -> Item:
        for index in range(self._size if tolerant else 0):
            with contextlib.suppress(RunError):
                return self.datum(index)[1]
        return self.datum(0)[1]

    def _step(self) -> None:
        if self._move(self._cursor.next):
            self.position += 1
        else:
            self._move(self._cursor.first)
            self.position = 0

    def _move(self, step: Callable[[], bool]) -> bool:
        """Moves the cursor; False at the end."""
        try:
            return step()
        except self._lmdb_error as error:
            raise RunError.of(
                "NC220", f"LMDB '{self.path}' is damaged near item {self.position}: {error}", hint=_REMAKE
            ) from error


@contextlib.contextmanager
def stored_values(path: Path) -> Iterator[tuple[int, Iterator[bytes]]]:
    """The number of an LMDB's items, and its values in the order of the keys, as they are stored.

    Raises:
        RunError: NC200 missing, NC201 not an LMDB, NC220 truncated or damaged.
    """
    import lmdb

    real = str(path.resolve())
    environment = _acquire(path, real)
    try:
        with environment.begin() as transaction, transaction.cursor() as cursor:
            yield int(environment.stat()["entries"]), cursor.iternext(keys=False, values=True)
    except lmdb.Error as error:
        raise RunError.of("NC220", f"LMDB '{path}' is damaged: {error}", hint=_REMAKE) from error
    finally:
        _release(real)


def stored_keys(path: Path) -> list[str]:
    """The keys of an LMDB in their order, printable.

    Raises:
        RunError: NC200 missing, NC201 not an LMDB, NC220 truncated or damaged.
    """
    import lmdb

    real = str(path.resolve())
    environment = _acquire(path, real)
    try:
        with environment.begin() as transaction, transaction.cursor() as cursor:
            return [printable(key) for key in cursor.iternext(keys=True, values=False)]
    except lmdb.Error as error:
        raise RunError.of("NC220", f"LMDB '{path}' is damaged: {error}", hint=_REMAKE) from error
    finally:
        _release(real)


def looks_like_lmdb(path: Path) -> bool:
    """Whether ``path`` is a folder with an LMDB's data file."""
    return (path / "data.mdb").is_file()


def printable(key: bytes) -> str:
    """A key for messages: text where it is text, else escaped."""
    return key.decode("utf-8", "backslashreplace")


def _acquire(path: Path, real: str) -> Any:
    with _environments_lock:
        environment, users = _environments.get(real, (None, 0))
        if environment is None:
            environment = _open_environment(path)
        _environments[real] = (environment, users + 1)
        return environment


def _release(real: str) -> None:
    with _environments_lock:
        environment, users = _environments[real]
        if users > 1:
            _environments[real] = (environment, users - 1)
        else:
            del _environments[real]
            environment.close()


def _check_folder(path: Path) -> None:
    """Says what is wrong with ``path`` before LMDB can say it less clearly."""
    if not path.exists():
        raise RunError.of("NC200", f"data source '{path}' does not exist", hint="check `source`, or make the data set")
    if not path.is_dir():
        raise RunError.of(
            "NC201", f"'{path}' is not an LMDB", expected="a folder with data.mdb", actual="a file",
            hint="give `source` the folder, not the file in it",
        )  # fmt: skip
    if looks_like_lmdb(path):
        return
    leveldb = (path / "CURRENT").is_file()
    raise RunError.of(
        "NC201",
        f"'{path}' is not an LMDB",
        expected="a folder with data.mdb",
        actual="a LevelDB" if leveldb else "a folder without data.mdb",
        hint="LevelDB is not supported: convert the data set to LMDB" if leveldb else "check `source`",
    )


def _open_environment(path: Path) -> Any:
    import lmdb

    _check_folder(path)
    try:
        environment = lmdb.open(str(path), readonly=True, lock=False, readahead=False, create=False)
    except lmdb.Error as error:
        raise RunError.of("NC201", f"'{path}' is not an LMDB: {error}", hint=_REMAKE) from error
    # The file is mapped into memory: reading a page behind its end would kill the process without a word.
    pages = environment.info()["last_pgno"] + 1
    expected, actual = pages * environment.stat()["psize"], (path / "data.mdb").stat().st_size
    if actual < expected:
        environment.close()
        raise RunError.of(
            "NC220",
            f"LMDB '{path}' is truncated",
            expected=f"at least {expected} bytes in data.mdb",
            actual=f"{actual} bytes",
            hint=f"a copy was interrupted or the disk was full: {_REMAKE}",
        )
    return environment
