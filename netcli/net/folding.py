"""Which layers of a net can become part of the convolution before them, where a net only goes forward.

Only layers in place count: of what stands in their blob in between nothing is left anyway, so nobody misses it.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.convolution.convolution import Convolution
from netcli.layers.convolution.depthwise import Depthwise
from netcli.layers.convolution.fold import Fold
from netcli.net.step import Step


class Folding:
    """All folds of a net on the CPU, whose parameters are there. ``folded``: the indices of the layers left out."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._folds: list[tuple[Convolution | Depthwise, Fold]] = []
        self.folded: set[int] = set()
        for index, step in enumerate(steps):
            layer = step.layer
            if (
                isinstance(layer, Convolution | Depthwise)
                and layer.axis == 1
                and (behind := _maps_behind(steps, index))
            ):
                self._folds.append((layer, Fold(layer, [steps[i].layer for i in behind])))
                self.folded.update(behind)

    def apply(self, yes: bool) -> None:
        """Whether the convolutions do the work of the layers behind them in the next pass."""
        for convolution, fold in self._folds:
            convolution.fold = fold if yes else None


def _maps_behind(steps: Sequence[Step], index: int) -> list[int]:
    """The layers right behind ``index`` that map the channels of its only top in place."""
    tops = steps[index].tops
    found: list[int] = []
    for i in range(index + 1, len(steps)):
        if len(tops) != 1 or not steps[i].bottoms == steps[i].tops == tops or steps[i].layer.channel_map() is None:
            break
        found.append(i)
    return found
