"""Files of features: ``features`` (N, ...) float32, ``names`` (N,) and, where there are any, ``labels`` (N,) int64.

A .npz is written at the end, from memory; a .h5 grows batch by batch on the disk (the extra ``hdf5``). Either appears
under its name when it is whole.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netcli.convert.atomic_file import unwritable
from netcli.convert.hdf5 import h5py_module
from netcli.errors import RunError
from netcli.extraction.extraction import Rows

HDF5 = (".h5", ".hdf5")
ENDINGS = (".npz", *HDF5)


@dataclass(frozen=True)
class Features:
    """What a file holds: ``values`` (N, ...) float32, ``names``, ``labels`` (N,) int64 or None."""

    values: np.ndarray
    names: list[str]
    labels: np.ndarray | None


def check_feature_path(path: Path) -> None:
    """Before the work is done: raises RunError NC557 for a name of another kind, NC457 without h5py for a .h5."""
    if path.suffix.lower() not in ENDINGS:
        raise RunError.of(
            "NC557", f"'{path}' is not the name of a file of features", expected="one that ends in .npz, .h5 or .hdf5"
        )
    if path.suffix.lower() in HDF5:
        h5py_module(str(path))


def gathered(rows: Iterable[Rows], names: Sequence[str]) -> Features:
    """All rows in memory."""
    parts = list(rows)
    labels = [part for _, part in parts if part is not None]
    values = np.concatenate([part for part, _ in parts])
    return Features(values, list(names), np.concatenate(labels) if labels else None)


def write_features(path: Path, rows: Iterable[Rows], names: Sequence[str], facts: Mapping[str, str]) -> tuple[int, ...]:
    """Writes a file of features, which replaces one that was there.

    Args:
        rows: consecutive items.
        names: of all items.
        facts: kept beside the arrays: where the features come from.

    Returns:
        the shape of ``features``.

    Raises:
        RunError: NC459 the file cannot be written; nothing is left behind.
    """
    with _replacing(path) as temporary:
        if path.suffix.lower() in HDF5:
            return _write_hdf5(temporary, rows, names, facts)
        found = gathered(rows, names)
        arrays = {"features": found.values, "names": np.array(found.names)}
        if found.labels is not None:
            arrays["labels"] = found.labels
        with open(temporary, "wb") as file:
            np.savez(file, **arrays, **{name: np.array(value) for name, value in facts.items()})  # type: ignore[arg-type]
        return found.values.shape


def read_features(path: Path) -> Features:
    """The features in a file that ``write_features`` has made, or another with the same arrays.

    Raises:
        RunError: NC460 no such file; NC558 it holds no features; NC457 h5py is not installed.
    """
    check_feature_path(path)
    if not path.is_file():
        raise RunError.of("NC460", f"'{path}' does not exist", hint="`netcli extract` makes it")
    try:
        arrays = _read_hdf5(path) if path.suffix.lower() in HDF5 else _read_npz(path)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RunError.of("NC558", f"'{path}' cannot be read as features: {error}") from error
    values, names, labels = arrays.get("features"), arrays.get("names"), arrays.get("labels")
    if values is None or names is None:
        raise RunError.of(
            "NC558", f"'{path}' holds no features", expected="arrays 'features' and 'names'",
            actual=", ".join(arrays) or "nothing", hint="`netcli extract` makes such files",
        )  # fmt: skip
    if values.ndim < 2 or len(values) != len(names) or values.dtype.kind != "f":
        raise RunError.of(
            "NC558", f"the features in '{path}' have no row for each name", expected=f"{len(names)} rows of numbers",
            actual=f"{' x '.join(map(str, values.shape))} of {values.dtype}",
        )  # fmt: skip
    return Features(values, [_text(name) for name in names.tolist()], labels)


def _text(name: object) -> str:
    return name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else str(name)


def _write_hdf5(path: Path, rows: Iterable[Rows], names: Sequence[str], facts: Mapping[str, str]) -> tuple[int, ...]:
    h5py = h5py_module(str(path))
    size, done = len(names), 0
    with h5py.File(path, "w") as file:
        file.attrs.update(facts)
        file.create_dataset("names", data=list(names), dtype=h5py.string_dtype())
        for values, labels in rows:
            if not done:
                file.create_dataset("features", (size, *values.shape[1:]), np.float32)
                if labels is not None:
                    file.create_dataset("labels", (size,), np.int64)
            file["features"][done : done + len(values)] = values
            if labels is not None:
                file["labels"][done : done + len(values)] = labels
            done += len(values)
        shape: tuple[int, ...] = file["features"].shape
    return shape


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    if not zipfile.is_zipfile(path):
        raise ValueError("it is no .npz")
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _read_hdf5(path: Path) -> dict[str, np.ndarray]:
    h5py = h5py_module(str(path))
    with h5py.File(path, "r") as file:
        return {name: item[()] for name, item in file.items() if isinstance(item, h5py.Dataset)}


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A name beside ``path`` to write to, which becomes ``path`` at the end, or vanishes when something fails."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
