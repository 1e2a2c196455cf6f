"""What layers need from the world: batches and arrays from files, and files to write. Others decide who opens them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from netcli.schema import caffe_pb2 as pb

ItemShapes = tuple[tuple[int, ...], ...]
"""The shape of one item for each top of a data layer: ``((3, 112, 96), ())`` for images with labels."""


@dataclass(frozen=True, slots=True)
class ItemName:
    """Where an item came from. As text it is ``where``, which is what messages say.

    Attributes:
        key: what names it in its set: the key, the path as it is listed, the number of the row.
        where: the same for people, with the set: ``key 00000012 of 'train_lmdb'``.
        substitute: it stands in the place of an item that cannot be read, and has one of its own, too.
    """

    key: str
    where: str
    substitute: bool = False

    def __str__(self) -> str:
        return self.where


class Feed(Protocol):
    """A stream of items, wrapping round at the end of the set."""

    shapes: ItemShapes
    """Of one item, for each top of the layer."""
    size: int | None
    """Items in the set; None when there is no end to them."""

    def next_batch(self, arrays: Sequence[np.ndarray]) -> None:
        """Fills arrays (N, *shape), one for each top, float32 and C-ordered, with the next N items."""

    def skip(self, items: int) -> None:
        """Moves on by ``items`` without decoding them."""

    def rewind(self) -> None:
        """Goes back to the first item."""

    def item_name(self, index: int) -> ItemName:
        """Where item ``index`` of the last batch came from."""

    def close(self) -> None:
        """Lets go of files and threads."""


@runtime_checkable
class VaryingFeed(Feed, Protocol):
    """A feed whose items have shapes of their own, so that a batch is one of them; ``shapes`` are the first one's."""

    def next_item(self) -> list[np.ndarray]:
        """Arrays (1, *shape) of the next item, one for each top, float32 and C-ordered."""


@runtime_checkable
class DealtFeed(Feed, Protocol):
    """A feed of which several processes can each take their part."""

    def deal(self, count: int, every: int) -> None:
        """From here on, of every ``every`` items only the first ``count`` are given, until ``rewind``."""


class Sink(Protocol):
    """Where a layer puts batches."""

    def write(self, arrays: Sequence[np.ndarray]) -> None:
        """Appends one batch. Raises RunError where it cannot be written."""

    def close(self) -> None:
        """Lets go of the file."""


class FeedSource(Protocol):
    """Opens feeds and files for the layers of one net."""

    def shapes(self, layer: pb.LayerParameter) -> ItemShapes | None:
        """Shapes of an item after the transform, or None where they cannot be known without the data."""

    def open(self, layer: pb.LayerParameter, phase: int) -> Feed:
        """The feed of ``layer``. Raises RunError (NC2xx) where there is nothing to read."""

    def open_sink(self, layer: pb.LayerParameter) -> Sink:
        """The file that ``layer`` writes. Raises RunError (NC2xx) where that cannot be."""

    def read_array(self, layer: pb.LayerParameter, path: str) -> np.ndarray:
        """The blob in the file ``path``, which a field of ``layer`` names. Raises ConfigError NC001 or RunError."""


class NoFeeds:
    """A source for nets that touch no files: every data layer's shape is unknown."""

    def shapes(self, layer: pb.LayerParameter) -> ItemShapes | None:
        return None

    def open(self, layer: pb.LayerParameter, phase: int) -> Feed:
        raise NotImplementedError(f"layer {layer.name!r} reads files, but the net was built without feeds")

    def open_sink(self, layer: pb.LayerParameter) -> Sink:
        raise NotImplementedError(f"layer {layer.name!r} writes a file, but the net was built without feeds")

    def read_array(self, layer: pb.LayerParameter, path: str) -> np.ndarray:
        raise NotImplementedError(f"layer {layer.name!r} reads a file, but the net was built without feeds")
