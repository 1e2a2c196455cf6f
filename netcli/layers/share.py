"""The part of a batch that one of several processes computes.

A batch is cut into units: as many as the batch sizes of a net's data layers have in common, so that every one of them
can be cut at the same places. Each process takes a range of them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


def _nothing_to_add(values: np.ndarray) -> None:
    """One process has all the values."""


@dataclass(frozen=True)
class Share:
    """Units ``before`` to ``before + mine`` of the ``whole`` batch.

    Attributes:
        declared: units that a ``batch_size`` in the prototxt stands for: the whole batch or, where every process has
            a batch of its own, one.
        idle: there are fewer units than processes: this one computes the first unit once more, and it counts for
            nothing.
        add: adds up an array over all processes, in place; all of them must call it.
        joint_statistics: whether BatchNorm normalises by the statistics of the whole batch, not of this part.
    """

    before: int = 0
    mine: int = 1
    whole: int = 1
    declared: int = 1
    idle: bool = False
    add: Callable[[np.ndarray], object] = _nothing_to_add
    joint_statistics: bool = False

    @property
    def divided(self) -> bool:
        """Whether other processes have parts of the batch."""
        return self.whole > self.mine

    @property
    def fraction(self) -> float:
        """What a mean over this part counts for in the mean over the batch."""
        return 0.0 if self.idle else self.mine / self.whole

    def part(self, batch_size: int) -> int:
        """How many items of a batch that the prototxt calls ``batch_size`` are computed here."""
        return batch_size * self.mine // self.declared

    def offset(self, count: int) -> int:
        """How many items of the batch stand before the ``count`` that are computed here."""
        return count * self.before // self.mine

    def total(self, count: int) -> int:
        """How many items the batch has of which ``count`` are computed here."""
        return count * self.whole // self.mine

    def mean_divisor(self, counted: float) -> float:
        """``mean_divisors`` of one number."""
        if not self.divided:
            return max(1.0, float(counted))
        return float(self.mean_divisors(np.array([counted]))[0])

    def mean_divisors(self, counted: np.ndarray) -> np.ndarray:
        """By what to divide sums over this part, so that ``fraction`` times the quotients add up to the batch's means.

        Args:
            counted: (K,) how many items of this part are in each sum; in other parts there may be more or fewer. All
                processes must call it.
        """
        total = counted.astype(np.float64)
        if not self.divided:
            return np.maximum(total, 1)
        if self.idle:
            total.fill(0)
        self.add(total)
        return np.maximum(total, 1) * (self.mine / self.whole)


WHOLE = Share()
"""The share of a process that computes the whole batch."""


def shares(units: int, ranks: int) -> list[tuple[int, int]]:
    """(before, mine) of each of ``ranks`` processes, in order: as equal as whole units can be; the first has some."""
    ends = [-(-units * rank // ranks) for rank in range(ranks + 1)]
    return [(begin, end - begin) for begin, end in itertools.pairwise(ends)]


def common_units(batch_sizes: list[int]) -> int:
    """Into how many units batches of these sizes can be cut at the same places; 1 for none."""
    return math.gcd(*batch_sizes) or 1
