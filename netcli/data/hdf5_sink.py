"""The file of an HDF5Output layer. Needs the extra ``hdf5``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from netcli.convert.hdf5 import h5py_module
from netcli.data.datum import by
from netcli.errors import RunError

DATASETS = ("data", "label")
"""Their names in the file, as Caffe has them."""


class Hdf5Sink:
    """Appends batches to the datasets of one file, which is whole and closed after each of them.

    Args:
        path: the file; the first batch replaces what was there.

    Raises:
        RunError: NC457, h5py is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._h5py = h5py_module(str(path))
        self._begun = False

    def write(self, arrays: Sequence[np.ndarray]) -> None:
        """Appends one array (N, ...) to each dataset.

        Raises:
            RunError: NC228, the file cannot be written, or the rows have another shape than those before them.
        """
        try:
            with self._h5py.File(self.path, "a" if self._begun else "w") as file:
                for name, array in zip(DATASETS, arrays, strict=True):
                    if self._begun:
                        self._append(file[name], array)
                    else:
                        file.create_dataset(name, data=array, maxshape=(None, *array.shape[1:]), chunks=array.shape)
        except OSError as error:
            raise RunError.of("NC228", f"cannot write '{self.path}': {error}") from error
        self._begun = True

    def close(self) -> None:
        """The next batch would begin a new file."""
        self._begun = False

    def _append(self, dataset: object, array: np.ndarray) -> None:
        stored: tuple[int, ...] = dataset.shape  # type: ignore[attr-defined]
        if stored[1:] != array.shape[1:]:
            raise RunError.of(
                "NC228",
                f"a batch of another shape than those in '{self.path}'",
                expected=by(stored[1:]),
                actual=by(array.shape[1:]),
            )
        dataset.resize(stored[0] + len(array), axis=0)  # type: ignore[attr-defined]
        dataset[stored[0] :] = array  # type: ignore[index]
