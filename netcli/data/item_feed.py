"""A feed over images of unequal sizes: one at a time, each with a shape of its own, as Caffe's ImageData gives them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.data.image_reader import ImageReader, other_shape
from netcli.layers.feeding import ItemName, ItemShapes


class ItemFeed:
    """The items of ``reader``, in order. A ``netcli.layers.feeding.VaryingFeed``.

    Nothing is prefetched: nets that take images as they are, one at a time, have more to do than to decode them.

    Args:
        reader: where the items come from; closed with the feed.
        first: position that the stream begins with.

    Attributes:
        shapes: of the first item, for each top.
        size: items in the set.
    """

    def __init__(self, reader: ImageReader, *, first: int = 0) -> None:
        self.shapes: ItemShapes = reader.shapes
        self.size = reader.size
        self._reader = reader
        self._first = first
        self._position = first
        self._every = 1
        self._name = ItemName("", "")

    def next_item(self) -> list[np.ndarray]:
        """Image (1, C, H, W) and label (1,). Raises RunError NC2xx if the item cannot be read."""
        self._name, arrays = self._reader.item(self._position)
        self._position += self._every
        return arrays

    def next_batch(self, arrays: Sequence[np.ndarray]) -> None:
        """Fills ``arrays`` (N, *shape) with the next N items. Raises RunError NC204 for one of another shape."""
        for i in range(len(arrays[0])):
            made = self.next_item()
            if made[0].shape[1:] != arrays[0].shape[1:]:
                raise other_shape(self._name, made[0].shape[1:], arrays[0].shape[1:])
            for array, values in zip(arrays, made, strict=True):
                array[i] = values[0]

    def deal(self, count: int, every: int) -> None:
        """From here on, of every ``every`` items only the first is given, until ``rewind``; ``count`` is 1."""
        self._every = every

    def skip(self, items: int) -> None:
        """Moves on by ``items`` without decoding them."""
        self._position += items

    def rewind(self) -> None:
        """Goes back to the start."""
        self._position = self._first
        self._every = 1

    def item_name(self, index: int) -> ItemName:
        """Where the last item came from."""
        return self._name

    def close(self) -> None:
        """Closes the reader. May be called again."""
        self._reader.close()
