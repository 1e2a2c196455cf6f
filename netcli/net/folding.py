"""Which layers of a net can become part of the convolution before them.

Only layers in place count: of what stands in their blob in between nothing is left anyway, so nobody misses it. Where a
net goes backward, too, only a ReLU can: its backward pass needs no more than what it leaves.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.convolution.convolution import Convolution
from netcli.layers.convolution.depthwise import Depthwise
from netcli.layers.convolution.fold import Fold
from netcli.layers.layer import Layer
from netcli.layers.neuron.relu import ReLU
from netcli.net.step import Step


class Folding:
    """All folds of a net on the CPU, whose parameters are there. ``folded``: the indices of the layers left out."""

    def __init__(self, steps: Sequence[Step], *, forward_only: bool) -> None:
        self._folds: list[tuple[Convolution | Depthwise, Fold]] = []
        self.folded: set[int] = set()
        for index, step in enumerate(steps):
            layer = step.layer
            if not (isinstance(layer, Convolution | Depthwise) and layer.axis == 1 and len(step.tops) == 1):
                continue
            behind = _in_place_behind(steps, index)
            maps = [step.layer for step in behind[: _leading_maps(behind)]] if forward_only else []
            rest = behind[len(maps) :]
            bends = bool(rest) and _bends(rest[0].layer, layer.params[0].shape[0], forward_only)
            if maps or bends:
                self._folds.append((layer, Fold(layer, maps, rest[0].layer if bends else None)))
                self.folded.update(range(index + 1, index + 1 + len(maps) + bends))

    def apply(self, yes: bool) -> None:
        """Whether the convolutions do the work of the layers behind them in the next pass."""
        for convolution, fold in self._folds:
            convolution.fold = fold if yes else None


def _bends(layer: Layer, channels: int, forward_only: bool) -> bool:
    """Whether a convolution can do the work of ``layer`` by slopes."""
    return (forward_only or isinstance(layer, ReLU)) and layer.channel_slopes(channels) is not None


def _in_place_behind(steps: Sequence[Step], index: int) -> list[Step]:
    """The steps right behind ``index`` that work in place on its top."""
    tops = steps[index].tops
    end = index + 1
    while end < len(steps) and steps[end].bottoms == steps[end].tops == tops:
        end += 1
    return list(steps[index + 1 : end])


def _leading_maps(steps: Sequence[Step]) -> int:
    """How many of the first ``steps`` are channel maps."""
    return next((i for i, step in enumerate(steps) if step.layer.channel_map() is None), len(steps))
