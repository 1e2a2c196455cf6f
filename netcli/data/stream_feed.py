"""A feed over a stream of items that is a function of the position: what prefetching, skipping and resuming rest on."""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from netcli.data.prefetch import Batch, Fill, Prefetcher
from netcli.layers.feeding import ItemName, ItemShapes

MOST_THREADS = 8


class Reader(Protocol):
    """Makes the items of a stream, any of them at any time."""

    shapes: ItemShapes
    """Of an item, for each top."""
    size: int | None
    """Items before the stream repeats; None where it never does."""
    threads: int
    """How many threads are worth while."""

    def fills(self) -> list[Fill]:
        """Functions that fill batches, one for each thread; called only while none of them is in use."""

    def close(self) -> None:
        """Lets go of files, once no thread fills any more. May be called again."""


def decoding_threads() -> int:
    """Threads that decode images: they run beside the computation, and mostly outside Python's lock."""
    return max(2, min(os.cpu_count() or 1, MOST_THREADS))


class StreamFeed:
    """The items of a reader, in order, prefetched by threads. A ``netcli.layers.feeding.DealtFeed``.

    Args:
        reader: where the items come from; closed with the feed.
        batch_size: items that a thread makes at a time; ``next_batch`` may ask for any number.
        depth: batches that the threads keep ready.
        first: position that the stream begins with.

    Attributes:
        shapes: of one item, for each top.
        size: items in the set; None if it has no end.
    """

    def __init__(self, reader: Reader, *, batch_size: int, depth: int = 4, first: int = 0) -> None:
        self.shapes = reader.shapes
        self.size = reader.size
        self._reader = reader
        self._batch_size = self._count = self._every = batch_size
        self._depth = max(depth, reader.threads)
        self._first = first
        self._position = first
        self._prefetcher: Prefetcher | None = None
        self._batch: Batch | None = None
        self._used = 0
        self._names: list[ItemName] = []
        self._stop_when_collected: weakref.finalize | None = None

    @property
    def position(self) -> int:
        """Items delivered or skipped since the start."""
        return self._position - self._first

    def next_batch(self, arrays: Sequence[np.ndarray]) -> None:
        """Fills ``arrays`` (N, *shape), float32 and C-ordered, with the next N items.

        Raises:
            RunError: NC2xx, an item cannot be read; asked again, it raises the same.
        """
        self._names = []
        done, wanted = 0, len(arrays[0])
        while done < wanted:
            batch = self._current()
            count = min(wanted - done, len(batch) - self._used)
            for array, made in zip(arrays, batch.arrays, strict=True):
                array[done : done + count] = made[self._used : self._used + count]
            self._names += batch.names[self._used : self._used + count]
            self._used += count
            self._position += count
            if self._used == len(batch):
                self._position += self._every - self._count
            done += count

    def deal(self, count: int, every: int) -> None:
        """From here on, of every ``every`` items only the first ``count`` are given, until ``rewind``."""
        self._stop()
        self._count, self._every = count, every

    def skip(self, items: int) -> None:
        """Moves on by ``items`` without decoding them."""
        self._move_to(self._position + items)

    def rewind(self) -> None:
        """Goes back to the start: the same items with the same random crops follow as after opening."""
        if self._every != self._count:
            self._stop()
            self._count = self._every = self._batch_size
        self._move_to(self._first)

    def item_name(self, index: int) -> ItemName:
        """Where item ``index`` of the last batch came from."""
        return self._names[index]

    def close(self) -> None:
        """Ends the threads and closes the reader. May be called again."""
        self._stop()
        self._reader.close()

    def _current(self) -> Batch:
        """A batch with items left in it, waiting for the threads where there is none."""
        if self._batch is not None and self._used < len(self._batch):
            return self._batch
        if self._prefetcher is None:
            self._prefetcher = Prefetcher(
                self._reader.fills(), self.shapes, self._count, self._position, self._depth, self._every
            )
            self._stop_when_collected = weakref.finalize(self, self._prefetcher.stop)
        if self._batch is not None:
            self._prefetcher.give_back(self._batch)
            self._batch = None
        self._batch = self._prefetcher.get()
        self._used = 0
        return self._batch

    def _move_to(self, position: int) -> None:
        if position != self._position:
            self._stop()
            self._position = position

    def _stop(self) -> None:
        if self._stop_when_collected is not None:
            self._stop_when_collected()
        self._prefetcher = self._batch = self._stop_when_collected = None
