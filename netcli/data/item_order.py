"""The order of a set's items: as they stand, or shuffled anew in each epoch."""

from __future__ import annotations

import functools

import numpy as np

from netcli.runtime.streams import stream


class ItemOrder:
    """Which item comes at which step of an epoch: a function of (seed, purpose, epoch) and nothing else.

    Args:
        size: items in the set.
        seed: any integer.
        purpose: whose items are shuffled; other purposes have independent orders.
        shuffle: False for the items as they stand.
    """

    def __init__(self, size: int, seed: int, purpose: str, *, shuffle: bool) -> None:
        self._size = size
        self._seed = seed
        self._purpose = purpose
        self._shuffle = shuffle
        # Threads that prefetch stand in two epochs at most.
        self._permutation = functools.lru_cache(maxsize=2)(self._draw)

    def item(self, epoch: int, step: int) -> int:
        """Index of the item at ``step`` of ``epoch``."""
        return int(self._permutation(epoch)[step]) if self._shuffle else step

    def whole(self, epoch: int) -> np.ndarray:
        """All indices in the order of ``epoch``."""
        return self._permutation(epoch) if self._shuffle else np.arange(self._size)

    def _draw(self, epoch: int) -> np.ndarray:
        return stream(self._seed, self._purpose, epoch).permutation(self._size)
