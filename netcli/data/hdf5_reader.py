"""Rows of HDF5 files: what HDF5Data layers read. Needs the extra ``hdf5``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netcli.convert.hdf5 import h5py_module
from netcli.data.datum import by
from netcli.data.item_order import ItemOrder
from netcli.data.prefetch import Batch, Fill
from netcli.errors import RunError
from netcli.layers.feeding import ItemName, ItemShapes


@dataclass(frozen=True)
class Hdf5File:
    """One file: how many rows it has, and the shape of a row in each of its datasets."""

    path: Path
    rows: int
    shapes: ItemShapes


class Hdf5Reader:
    """The stream of all rows: file by file, and again. A ``netcli.data.stream_feed.Reader``.

    One file is in memory at a time. With ``shuffle`` the files, and the rows within each, come in a new order in each
    epoch.

    Args:
        paths: the files, at least one.
        datasets: names of the datasets, in the order of the tops.
        seed, purpose: of the orders; readers of other purposes have independent ones.

    Raises:
        RunError: NC457 h5py is not installed, NC224 a file that is no HDF5, NC225 datasets that are missing or do not
            agree, NC223 no row in all the files.
    """

    threads = 1

    def __init__(
        self, paths: Sequence[Path], datasets: Sequence[str], *, shuffle: bool = False, seed: int = 0, purpose: str = ""
    ) -> None:
        self._files = [inspect_hdf5(path, datasets) for path in paths]
        self._datasets = list(datasets)
        self._order = ItemOrder(len(self._files), seed, f"files for {purpose}", shuffle=shuffle)
        self._rows = [
            ItemOrder(file.rows, seed, f"rows of file {index} for {purpose}", shuffle=shuffle)
            for index, file in enumerate(self._files)
        ]
        self._loaded: tuple[int, list[np.ndarray]] | None = None
        first = self._files[0]
        self.shapes: ItemShapes = first.shapes
        for file in self._files:
            _check_agreement(first, file, self._datasets)
        self.size: int | None = sum(file.rows for file in self._files)
        if not self.size:
            raise RunError.of("NC223", f"no rows in '{first.path}'", expected="at least one row", actual=0)

    def fills(self) -> list[Fill]:
        """One function: HDF5 does one thing at a time."""
        return [self._fill]

    def close(self) -> None:
        """Forgets the file in memory."""
        self._loaded = None

    def _fill(self, batch: Batch, position: int) -> None:
        assert self.size
        batch.names = []
        done = 0
        while done < len(batch):
            epoch, offset = divmod(position + done, self.size)
            for index in self._order.whole(epoch):
                if offset < self._files[index].rows:
                    done += self._copy(batch, done, int(index), epoch, offset)
                    break
                offset -= self._files[index].rows

    def _copy(self, batch: Batch, done: int, index: int, epoch: int, offset: int) -> int:
        """Copies rows of file ``index`` from its ``offset``-th on into ``batch``; returns how many."""
        file = self._files[index]
        count = min(len(batch) - done, file.rows - offset)
        rows = self._rows[index].whole(epoch)[offset : offset + count]
        for array, values in zip(batch.arrays, self._values(index), strict=True):
            array[done : done + count] = values[rows]
        batch.names += [ItemName(f"{file.path}:{row}", f"row {row} of '{file.path}'") for row in rows]
        return count

    def _values(self, index: int) -> list[np.ndarray]:
        """The datasets of a file, kept in memory until another one is wanted."""
        if self._loaded is None or self._loaded[0] != index:
            self._loaded = None
            file = self._files[index]
            with _opened(file.path) as content:
                try:
                    arrays = [np.asarray(content[name][()], np.float32) for name in self._datasets]
                except (OSError, RuntimeError, KeyError) as error:
                    raise _damaged(file.path, error) from error
            if any(array.shape != (file.rows, *shape) for array, shape in zip(arrays, file.shapes, strict=True)):
                raise RunError.of("NC225", f"'{file.path}' has changed since it was opened")
            self._loaded = index, arrays
        return self._loaded[1]


def inspect_hdf5(path: Path, datasets: Sequence[str]) -> Hdf5File:
    """Rows and shapes of the ``datasets`` of a file. Raises RunError NC457, NC224, NC225."""
    with _opened(path) as content:
        shapes = [_shape_of(path, content, name) for name in datasets]
    rows = {shape[0] for shape in shapes}
    if len(rows) != 1:
        listed = ", ".join(f"'{name}' {shape[0]}" for name, shape in zip(datasets, shapes, strict=True))
        raise RunError.of("NC225", f"datasets of '{path}' have unequal numbers of rows", actual=listed)
    return Hdf5File(path, rows.pop(), tuple(shape[1:] for shape in shapes))


def _opened(path: Path) -> Any:
    h5py = h5py_module(str(path))
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> RunError:
    return RunError.of("NC224", f"cannot read '{path}' as HDF5: {error}", hint="is it truncated, or something else?")


def _shape_of(path: Path, content: Any, name: str) -> tuple[int, ...]:
    dataset = content.get(name)
    if dataset is None or not hasattr(dataset, "shape"):
        raise RunError.of(
            "NC225",
            f"'{path}' has no dataset '{name}'",
            expected="a dataset with the name of each top",
            actual=", ".join(content) or "nothing",
        )
    if not dataset.shape or dataset.dtype.kind not in "fiub":
        raise RunError.of(
            "NC225",
            f"dataset '{name}' of '{path}' cannot be read by rows",
            expected="an array of numbers",
            actual=f"shape {by(dataset.shape) or '()'} of type {dataset.dtype}",
        )
    return tuple(dataset.shape)


def _check_agreement(first: Hdf5File, other: Hdf5File, datasets: Sequence[str]) -> None:
    for name, wanted, got in zip(datasets, first.shapes, other.shapes, strict=True):
        if wanted != got:
            raise RunError.of(
                "NC225",
                f"rows of dataset '{name}' in '{other.path}' have another shape than in '{first.path}'",
                expected=wanted,
                actual=got,
            )
