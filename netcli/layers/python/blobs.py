"""pycaffe's Blob and its list of parameters, and what keeps the arrays that blobs hand out alive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from netcli.errors import RunError
from netcli.runtime import blob as core


class Blob:
    """A net's blob or parameter as pycaffe shows it.

    ``data`` and ``diff`` are live: an array taken once shows every later pass, and what is written into it
    is what the next pass reads, until the blob gets another number of elements.
    """

    __slots__ = ("_blob",)

    def __init__(self, blob: core.Blob) -> None:
        self._blob = blob

    @property
    def data(self) -> np.ndarray:
        """The values: float32, of ``shape``; write into it with ``data[...] = x``."""
        return self._blob.data

    @property
    def diff(self) -> np.ndarray:
        """The gradients: float32, of ``shape``."""
        return self._blob.diff

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of all axes."""
        return self._blob.shape

    @property
    def count(self) -> int:
        """Number of elements."""
        return self._blob.count

    @property
    def num(self) -> int:
        """Axis 0; 1 if the blob has none. Raises RunError NC581 beyond 4 axes, as do the next three."""
        return self._legacy_size(0)

    @property
    def channels(self) -> int:
        """Axis 1, or 1."""
        return self._legacy_size(1)

    @property
    def height(self) -> int:
        """Axis 2, or 1."""
        return self._legacy_size(2)

    @property
    def width(self) -> int:
        """Axis 3, or 1."""
        return self._legacy_size(3)

    def reshape(self, *shape: int) -> None:
        """Takes a new shape, e.g. ``reshape(1, 3, 227, 227)``; the net's other blobs follow at the next pass.

        Raises:
            RunError: NC582 for a negative size.
        """
        if any(size < 0 for size in shape):
            raise RunError.of("NC582", f"blob '{self._blob.name}' cannot take a negative size", actual=shape)
        self._blob.reshape(tuple(int(size) for size in shape))
        keep_live(self._blob)

    @property
    def blob(self) -> core.Blob:
        """The blob behind this face."""
        return self._blob

    def show(self, blob: core.Blob) -> None:
        """From now on this is the face of ``blob``."""
        self._blob = blob

    def __repr__(self) -> str:
        return repr(self._blob)

    def _legacy_size(self, axis: int) -> int:
        if len(self.shape) > 4:
            raise RunError.of(
                "NC581",
                f"blob '{self._blob.name}' has no num, channels, height and width",
                expected="at most 4 axes",
                actual=self.shape,
                hint="use shape",
            )
        return self.shape[axis] if axis < len(self.shape) else 1


class BlobVec:
    """A layer's parameters: a list of blobs that ``add_blob`` makes longer."""

    def __init__(self, blobs: Iterable[Blob] = (), dtype: np.dtype | type = np.float32) -> None:
        self._blobs = list(blobs)
        self._dtype = dtype

    def add_blob(self, *shape: int) -> None:
        """Adds a parameter of ``shape``, all zeros: ``self.blobs.add_blob(64, 3)`` in a layer's ``setup``.

        Raises:
            RunError: NC582 for a negative size.
        """
        blob = Blob(core.Blob((), self._dtype, "parameter"))
        blob.reshape(*shape)
        self.append(blob)

    def append(self, blob: Blob) -> None:
        """Adds ``blob`` itself as a parameter."""
        self._blobs.append(blob)

    def extend(self, blobs: Iterable[Blob]) -> None:
        """Adds all of ``blobs`` as parameters."""
        self._blobs.extend(blobs)

    def __len__(self) -> int:
        return len(self._blobs)

    def __iter__(self) -> Iterator[Blob]:
        return iter(self._blobs)

    def __getitem__(self, index: int) -> Blob:
        return self._blobs[index]


def keep_live(blob: core.Blob) -> None:
    """Brings the arrays that users hold up to date, and makes them the ones that the next pass reads.

    To be called after whatever may have let a kernel write the blob somewhere else.
    """
    for replicas in (blob.values, blob.gradients):
        if replicas.handed_out:
            replicas.expose()
