"""Which convolutions of a net can pass on the largest values of their result alone, to the max pooling behind them."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from netcli.layers.convolution.convolution import Convolution
from netcli.layers.convolution.pooled.pooled_convolution import PooledConvolution, can_be_pooled
from netcli.layers.pooling.pooling import Pooling
from netcli.net.step import Step


@dataclass(frozen=True)
class Pooled:
    """A convolution and the pooling behind it, by their indices. Nobody else reads the blob between them."""

    convolution: int
    pooling: int
    layer: PooledConvolution


def pooled_convolutions(steps: Sequence[Step], left_out: Set[int]) -> list[Pooled]:
    """All of a net on the CPU; the layers ``left_out`` are done by the convolutions anyway."""
    found = []
    for index, step in enumerate(steps):
        convolution = step.layer
        if not isinstance(convolution, Convolution) or len(step.bottoms) != 1 or step.bottoms == step.tops:
            continue
        readers = [i for i, other in enumerate(steps) if step.tops[0] in other.bottoms and i not in left_out]
        if len(readers) != 1:
            continue
        pooling = steps[readers[0]].layer
        if isinstance(pooling, Pooling) and can_be_pooled(convolution, pooling):
            found.append(Pooled(index, readers[0], PooledConvolution(convolution, pooling)))
    return found
