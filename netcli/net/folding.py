"""Which layers of a net can become part of the convolution before them.

Only layers in place count: of what stands in their blob in between nothing is left anyway, so nobody misses it. Where a
net goes backward, too, only a ReLU or PReLU can, whose backward pass needs no more than what it leaves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from netcli.layers.convolution.convolution import Convolution
from netcli.layers.convolution.depthwise import Depthwise
from netcli.layers.convolution.fold import Fold
from netcli.layers.layer import Layer
from netcli.layers.neuron.prelu import PReLU
from netcli.layers.neuron.relu import ReLU
from netcli.net.step import Step


@dataclass(frozen=True)
class Foldable:
    """A convolution, and what it can do along: the ``behind`` layers, the last of them the bend if there is one."""

    convolution: Convolution | Depthwise
    maps: list[Layer]
    bend: Layer | None
    behind: range


class Folding:
    """All folds of a net on the CPU, whose parameters are there.

    Attributes:
        folded: the indices of the layers that can be left out.
    """

    def __init__(self, steps: Sequence[Step], *, forward_only: bool) -> None:
        self._forward_only = forward_only
        self._folds = [
            (each, Fold(each.convolution, each.maps, each.bend)) for each in foldable(steps, forward_only=forward_only)
        ]
        self.folded = {index for each, _ in self._folds for index in each.behind}

    def apply(self, yes: bool) -> Set[int]:
        """Says whether the convolutions do the work of the layers behind them in the next pass: which leaves these out.

        Where that goes backward some may have to run all the same, with their present parameters.
        """
        left_out: set[int] = set()
        for each, fold in self._folds:
            does = yes and (self._forward_only or (each.bend is not None and each.bend.top_suffices()))
            each.convolution.fold = fold if does else None
            if does:
                left_out.update(each.behind)
        return left_out


def foldable(steps: Sequence[Step], *, forward_only: bool) -> Iterator[Foldable]:
    """All of a net."""
    for index, step in enumerate(steps):
        layer = step.layer
        if not (isinstance(layer, Convolution | Depthwise) and layer.axis == 1 and len(step.tops) == 1):
            continue
        behind = _in_place_behind(steps, index)
        maps = [step.layer for step in behind[: _leading_maps(behind)]] if forward_only else []
        end = index + 1 + len(maps)
        bends = len(behind) > len(maps) and _bends(steps, end, layer.declarations[0].shape[0], forward_only)
        if maps or bends:
            yield Foldable(layer, maps, steps[end].layer if bends else None, range(index + 1, end + bends))


def _bends(steps: Sequence[Step], index: int, channels: int, forward_only: bool) -> bool:
    """Whether a convolution can do the work of the layer at ``index`` by slopes."""
    layer = steps[index].layer
    if forward_only:
        return layer.channel_slopes(channels) is not None
    return isinstance(layer, ReLU) or (isinstance(layer, PReLU) and not _is_overwritten(steps, index))


def _is_overwritten(steps: Sequence[Step], index: int) -> bool:
    """Whether what the layer at ``index`` leaves is changed in place later. A split's copies never are."""
    return any(steps[index].tops == step.tops for step in steps[index + 1 :])


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
