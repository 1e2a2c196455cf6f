"""Labelled images, transformed: what Data and ImageData layers read, wherever their items are stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from netcli.data.datum import Item, by
from netcli.data.item_order import ItemOrder
from netcli.data.prefetch import Batch, Fill
from netcli.data.skipped import UNREADABLE, SkippedItems
from netcli.data.transform import Transform
from netcli.errors import NetcliError, RunError
from netcli.layers.feeding import ItemName, ItemShapes

LARGEST_LABEL = 1 << 24
"""Integers up to this are exact in the float32 of a label blob."""

ReadItem = Callable[[int], tuple[ItemName, Item]]
"""From the index of an item to its name and itself. Raises RunError where it cannot be read."""


class Images(Protocol):
    """A set of labelled images."""

    shape: tuple[int, int, int]
    """(C, H, W) of the first one."""
    threads: int
    """Threads that reading is worth."""

    def __len__(self) -> int: ...

    def item_reader(self) -> ReadItem:
        """A function for the use of one thread."""

    def close(self) -> None:
        """Lets go of files. May be called again."""


class ImageReader:
    """The stream of a set's items: the set in its order, and again. A ``netcli.data.stream_feed.Reader``.

    Args:
        images: the set; closed with the reader.
        transform: what happens to each image.
        order: the order of the items in each epoch.
        labelled: whether labels are wanted; without, items need none.
        skipped: told about items that cannot be read, in whose places the next readable ones are given; None to
            make errors of them.
    """

    def __init__(
        self,
        images: Images,
        transform: Transform,
        order: ItemOrder,
        *,
        labelled: bool,
        skipped: SkippedItems | None = None,
    ) -> None:
        self.shapes: ItemShapes = (transform.shape, ()) if labelled else (transform.shape,)
        self.size: int | None = len(images)
        self.threads = images.threads
        self._images = images
        self._transform = transform
        self._order = order
        self._skipped = skipped
        self._fills: list[Fill] = []
        self._alone: _Filling | None = None

    def fills(self) -> list[Fill]:
        """One function for each thread; they are the same at every call."""
        if not self._fills:
            readers = [self._images.item_reader() for _ in range(self.threads)]
            self._fills = [
                _Filling(self._images, read, self._transform, self._order, self._skipped) for read in readers
            ]
        return self._fills

    def item(self, position: int) -> tuple[ItemName, list[np.ndarray]]:
        """Name and arrays (1, *shape) of the item at ``position``, of whatever shape it is: image, then label."""
        if self._alone is None:
            self._alone = _Filling(
                self._images, self._images.item_reader(), self._transform, self._order, self._skipped
            )
        name, arrays = self._alone.alone(position)
        return name, arrays[: len(self.shapes)]

    def close(self) -> None:
        """Closes the set. May be called again."""
        self._fills = []
        self._alone = None
        self._images.close()


class _Filling:
    """Fills batches in one thread."""

    def __init__(
        self, images: Images, read: ReadItem, transform: Transform, order: ItemOrder, skipped: SkippedItems | None
    ) -> None:
        self._read = read
        self._shape = images.shape
        self._size = len(images)
        self._transform = transform
        self._order = order
        self._skipped = skipped

    def __call__(self, batch: Batch, position: int) -> None:
        batch.names = [self._fill_item(batch, i, position + i) for i in range(len(batch))]

    def alone(self, position: int) -> tuple[ItemName, list[np.ndarray]]:
        """Name and arrays (1, *shape) of one item, of whatever shape it is."""
        made: list[np.ndarray] = []

        def make(at: int) -> ItemName:
            nonlocal made
            name, made = self._make(at)
            return name

        return self._readable(position, make), made

    def _fill_item(self, batch: Batch, i: int, position: int) -> ItemName:
        """Writes item ``i`` of ``batch``, which stands at ``position`` of the stream, and returns its name."""
        return self._readable(position, lambda at: self._fill_from(batch, i, at))

    def _readable(self, position: int, make: Callable[[int], ItemName]) -> ItemName:
        """Makes the item at ``position`` or, where bad items are passed over, the next good one."""
        if self._skipped is None:
            return make(position)
        for at in range(position, position + self._size):
            try:
                name = make(at)
                return name if at == position else replace(name, substitute=True)
            except RunError as error:
                if error.code not in UNREADABLE:
                    raise
                self._skipped.add(error)
        raise RunError.of("NC229", "not one item of the set can be read", actual=f"{self._size} unreadable items")

    def _fill_from(self, batch: Batch, i: int, position: int) -> ItemName:
        epoch, index, name, item = self._item(position)
        if item.pixels.shape != self._shape and not self._transform.crop:
            raise other_shape(name, item.pixels.shape, self._shape)
        self._apply(name, item, epoch, index, batch.arrays[0][i])
        if len(batch.arrays) > 1:
            batch.arrays[1][i] = _label(name, item)
        return name

    def _make(self, position: int) -> tuple[ItemName, list[np.ndarray]]:
        epoch, index, name, item = self._item(position)
        out = np.empty(item.pixels.shape, np.float32)
        self._apply(name, item, epoch, index, out)
        label = np.full(1, _label(name, item) if item.label is not None else 0, np.float32)
        return name, [out[None], label]

    def _item(self, position: int) -> tuple[int, int, ItemName, Item]:
        """Epoch, index in the set, name and content of what stands at ``position`` of the stream."""
        epoch, step = divmod(position, self._size)
        index = self._order.item(epoch, step)
        return epoch, index, *self._read(index)

    def _apply(self, name: ItemName, item: Item, epoch: int, index: int, out: np.ndarray) -> None:
        try:
            self._transform.apply(item.pixels, epoch, index, out)
        except NetcliError as error:
            raise type(error)([replace(f, message=f"{f.message}, {name}") for f in error.findings]) from error


def other_shape(name: ItemName, shape: tuple[int, ...], expected: tuple[int, ...]) -> RunError:
    """NC204 for the item ``name`` of a batch whose items are ``expected`` to be (C, H, W)."""
    return RunError.of(
        "NC204",
        f"an item of another shape than the first, {name}",
        expected=by(expected),
        actual=by(shape),
        hint="without crop_size all items must have one shape: make the data set, or read it, with a fixed size",
    )


def _label(name: ItemName, item: Item) -> int:
    if item.label is None:
        raise RunError.of(
            "NC205",
            f"an item without a label, {name}",
            hint="give the layer one top only, or make the data set with labels",
        )
    if abs(item.label) > LARGEST_LABEL:
        raise RunError.of(
            "NC214",
            f"label too large for a float32 blob, {name}",
            expected=f"at most {LARGEST_LABEL}",
            actual=item.label,
            hint="the data set is damaged, or its labels must be renumbered from 0",
        )
    return item.label
