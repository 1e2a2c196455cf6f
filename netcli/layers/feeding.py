"""What layers need from the world: batches, and arrays from files. Who opens files for them is decided above."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from netcli.schema import caffe_pb2 as pb


class Feed(Protocol):
    """A stream of items of one shape, wrapping round at the end of the set."""

    shape: tuple[int, int, int]
    """(C, H, W) of one item after the transform."""
    size: int | None
    """Items in the set; None when there is no end to them."""

    def next_batch(self, data: np.ndarray, labels: np.ndarray | None) -> None:
        """Fills data (N, C, H, W) and labels (N,), both float32 and C-ordered, with the next N items."""

    def skip(self, items: int) -> None:
        """Moves on by ``items`` without decoding them."""

    def rewind(self) -> None:
        """Goes back to the first item."""

    def item_name(self, index: int) -> str:
        """Where item ``index`` of the last batch came from, for messages."""

    def close(self) -> None:
        """Lets go of files and threads."""


class FeedSource(Protocol):
    """Opens feeds and files for the layers of one net."""

    def shape(self, layer: pb.LayerParameter) -> tuple[int, int, int] | None:
        """(C, H, W) of an item after the transform, or None where it cannot be known without the data."""

    def open(self, layer: pb.LayerParameter, phase: int) -> Feed:
        """The feed of ``layer``. Raises RunError (NC2xx) where there is nothing to read."""

    def read_array(self, layer: pb.LayerParameter, path: str) -> np.ndarray:
        """The blob in the file ``path``, which a field of ``layer`` names. Raises ConfigError NC001 or RunError."""


class NoFeeds:
    """A source for nets that read no files: every data layer's shape is unknown."""

    def shape(self, layer: pb.LayerParameter) -> tuple[int, int, int] | None:
        return None

    def open(self, layer: pb.LayerParameter, phase: int) -> Feed:
        raise NotImplementedError(f"layer {layer.name!r} reads files, but the net was built without feeds")

    def read_array(self, layer: pb.LayerParameter, path: str) -> np.ndarray:
        raise NotImplementedError(f"layer {layer.name!r} reads a file, but the net was built without feeds")
