"""Batches made ahead of time by threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from netcli.layers.feeding import ItemName, ItemShapes


@dataclass
class Batch:
    """Items in a row: for each top an array (N, *shape) float32, and N names."""

    arrays: list[np.ndarray]
    names: list[ItemName] = field(default_factory=list)

    @classmethod
    def of(cls, shapes: ItemShapes, size: int) -> Batch:
        """Room for ``size`` items."""
        return cls([np.zeros((size, *shape), np.float32) for shape in shapes])

    def __len__(self) -> int:
        return len(self.arrays[0])


Fill = Callable[[Batch, int], None]
"""Fills a batch with the items from a position of the stream on."""


class Prefetcher:
    """Keeps up to ``depth`` batches of a stream ready.

    Each thread makes whole batches; what they hold depends on their positions only, never on the threads' timing. An
    error of a ``fill`` is raised by ``get`` in the place of the batch that it befell, after all batches before it.

    Args:
        fills: one for each thread; each is called with one batch at a time, at ever higher positions.
        shapes: of an item.
        size: items in a batch.
        position: of the first item of the first batch; each batch starts ``stride`` further on.
        depth: batches to keep ready, at least 1.
        stride: from batch to batch; ``size`` where it is not given.
    """

    def __init__(
        self,
        fills: Sequence[Fill],
        shapes: ItemShapes,
        size: int,
        position: int,
        depth: int,
        stride: int | None = None,
    ) -> None:
        self._stride = size if stride is None else stride
        self._first = position
        self._changed = threading.Condition()
        self._empty = [Batch.of(shapes, size) for _ in range(depth + 1)]
        self._ready: dict[int, Batch | BaseException] = {}
        self._begun = 0
        self._delivered = 0
        self._stopping = False
        self._failure: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._work, args=(fill,), name="netcli-prefetch", daemon=True) for fill in fills
        ]
        for thread in self._threads:
            thread.start()

    def get(self) -> Batch:
        """The next batch; waits for it. It belongs to the caller until it is given back."""
        if self._failure is None:
            with self._changed:
                self._changed.wait_for(lambda: self._delivered in self._ready)
                got = self._ready.pop(self._delivered)
                self._delivered += 1
            if isinstance(got, Batch):
                return got
            self._failure = got
        raise self._failure

    def give_back(self, batch: Batch) -> None:
        """Lets the threads use ``batch`` again."""
        with self._changed:
            self._empty.append(batch)
            self._changed.notify_all()

    def stop(self) -> None:
        """Ends the threads and waits for them. May be called again."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self, fill: Fill) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._empty)
                if self._stopping:
                    return
                batch, number = self._empty.pop(), self._begun
                self._begun += 1
            made: Batch | BaseException = batch
            try:
                fill(batch, self._first + number * self._stride)
            except BaseException as error:
                made = error
            with self._changed:
                self._ready[number] = made
                # Nothing behind an error is ever delivered.
                self._stopping = self._stopping or made is not batch
                self._changed.notify_all()
