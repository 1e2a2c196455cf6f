"""Batches made ahead of time by one thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Batch:
    """Items in a row: ``data`` (N, C, H, W) and ``labels`` (N,) float32, ``keys`` N names."""

    data: np.ndarray
    labels: np.ndarray
    keys: list[str] = field(default_factory=list)


Fill = Callable[[Batch, int], None]
"""Fills a batch with the items from a position of the stream on."""


class Prefetcher:
    """Keeps up to ``depth`` batches of a stream ready.

    What the batches hold depends on their positions only, never on the thread's timing. An error of ``fill`` is raised
    by ``get`` in the place of the batch that it befell, after all batches before it.

    Args:
        fill: makes one batch; called in the thread, with one batch at a time, in the order of the positions.
        shape: (N, C, H, W) of a batch.
        position: of the first item of the first batch; each batch starts N further on.
        depth: batches to keep ready, at least 1.
    """

    def __init__(self, fill: Fill, shape: tuple[int, int, int, int], position: int, depth: int) -> None:
        self._empty: queue.SimpleQueue[Batch] = queue.SimpleQueue()
        self._ready: queue.SimpleQueue[Batch | BaseException] = queue.SimpleQueue()
        self._wake = threading.Semaphore(0)
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        for _ in range(depth + 1):
            self.give_back(Batch(np.empty(shape, np.float32), np.zeros(shape[0], np.float32)))
        self._thread = threading.Thread(target=self._work, args=(fill, position), name="netcli-prefetch", daemon=True)
        self._thread.start()

    def get(self) -> Batch:
        """The next batch; waits for it. It belongs to the caller until it is given back."""
        if self._failure is None:
            got = self._ready.get()
            if isinstance(got, Batch):
                return got
            self._failure = got
        raise self._failure

    def give_back(self, batch: Batch) -> None:
        """Lets the thread use ``batch`` again."""
        self._empty.put(batch)
        self._wake.release()

    def stop(self) -> None:
        """Ends the thread and waits for it. May be called again."""
        self._stopping.set()
        self._wake.release()
        self._thread.join()

    def _work(self, fill: Fill, position: int) -> None:
        try:
            while True:
                self._wake.acquire()
                if self._stopping.is_set():
                    return
                batch = self._empty.get()
                fill(batch, position)
                position += len(batch.data)
                self._ready.put(batch)
        except BaseException as error:
            self._ready.put(error)
