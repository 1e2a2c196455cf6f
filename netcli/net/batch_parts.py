"""What the losses of a part of a batch count for, where several processes share the batch."""

from __future__ import annotations

from netcli.layers.share import Share
from netcli.net.step import Step


def loss_factors(steps: list[Step], share: Share) -> list[list[float]]:
    """For each top of each step the factor with which its values, added up over all processes, are those of the batch.

    A mean over the batch counts for the share of the process; so does what does not depend on the batch at all,
    such as the square of a Parameter layer, which every process has the same of. Sums over items, and what there is
    one of for each item, count in full.
    """
    if not share.divided:
        return [[1.0] * len(step.tops) for step in steps]
    of_batch: set[str] = set()
    factors = []
    for step in steps:
        is_source = not step.bottoms and not step.slots
        if is_source or of_batch.intersection(step.bottoms):
            of_batch.update(step.tops)
        factors.append(
            [
                share.fraction if step.layer.averages_batch(index) or top not in of_batch else _in_full(share)
                for index, top in enumerate(step.tops)
            ]
        )
    return factors


def _in_full(share: Share) -> float:
    """1, and 0 for a process whose part only stands in."""
    return 0.0 if share.idle else 1.0
