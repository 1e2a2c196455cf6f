"""Random draws that depend on nothing but what they are for.

Every draw is a pure function of (seed, purpose, epoch, item), so that it is the same whatever was drawn before it, by
which thread, and however far ahead.
"""

from __future__ import annotations

import numpy as np

from netcli.runtime.streams import stream_key

_WORD = (1 << 64) - 1


class Draws:
    """The draws for one purpose, such as the crops of one layer.

    Args:
        seed: any integer.
        purpose: what is drawn, and for whom; other purposes have independent draws.
    """

    def __init__(self, seed: int, purpose: str) -> None:
        key = stream_key(seed, purpose)
        self._key = np.array([key & _WORD, key >> 64], np.uint64)

    def words(self, count: int, epoch: int, item: int) -> list[int]:
        """``count`` uniform 64-bit integers for ``item`` in its ``epoch``-th round.

        References: J. Salmon et al., Parallel random numbers: as easy as 1, 2, 3, 2011 (Philox).
        """
        counter = np.array([0, 0, item, epoch], np.uint64)
        return [int(word) for word in np.random.Philox(key=self._key, counter=counter).random_raw(count)]

    def below(self, limit: int, epoch: int, item: int) -> int:
        """A uniform integer in [0, limit)."""
        return scaled(self.words(1, epoch, item)[0], limit)


def scaled(word: int, limit: int) -> int:
    """Maps a uniform 64-bit word to [0, limit); uniform to within limit / 2**64."""
    return (word * limit) >> 64
