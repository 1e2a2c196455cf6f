"""Which layers of a net convolutions can do along: a max pooling behind them, or a sum with another blob.

The blob between them is then never there, unless somebody reads it: it is left to be made by then. Nobody else in the
net may read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from netcli.layers.combine.eltwise import Eltwise
from netcli.layers.convolution.convolution import Convolution
from netcli.layers.convolution.pooled.pooled_convolution import PooledConvolution, can_be_pooled
from netcli.layers.convolution.summed import SummedConvolution, is_plain_sum
from netcli.layers.pooling.pooling import Pooling
from netcli.net.bound_step import BoundStep
from netcli.net.step import Step
from netcli.runtime.blob import Shape


@dataclass(frozen=True)
class Pooled:
    """A convolution and the max pooling behind it, by their indices."""

    convolution: int
    pooling: int
    layer: PooledConvolution

    @property
    def done(self) -> Set[int]:
        """What a forward pass leaves out."""
        return {self.pooling}

    def forward(self, steps: Sequence[BoundStep], shapes: dict[str, Shape]) -> bool:
        """Does the work of both; False if that does not suit the present shapes. ``shapes``: of the net."""
        convolution, pooling = steps[self.convolution], steps[self.pooling]
        _reshape([convolution, pooling], shapes)
        if not self.layer.suits(convolution.bottoms[0].shape):
            return False
        self.layer.forward(convolution.bottoms[0], pooling.tops[0])
        _leave_out_top(convolution)
        return True

    def may_go_backward(self, steps: Sequence[Step]) -> bool:
        """Whether the convolution could take the pooling's gradient as it is: it has no data gradient to make of it."""
        return steps[self.convolution].propagate_down == [False]

    def suits_backward(self, steps: Sequence[BoundStep]) -> bool:
        """Whether it can after the forward pass that has been."""
        return self.layer.suits_backward(steps[self.convolution].bottoms[0].shape)

    def backward(self, steps: Sequence[BoundStep]) -> None:
        """The backward pass of both."""
        self.layer.backward(steps[self.pooling].tops[0], steps[self.convolution].bottoms[0])


@dataclass(frozen=True)
class Summed:
    """A convolution, the sum behind it, whose bottom ``other`` is complete before, and ``bend``, a ReLU or PReLU."""

    convolution: int
    sum: int
    other: int
    bend: int | None
    layer: SummedConvolution

    @property
    def done(self) -> Set[int]:
        """As ``Pooled.done``."""
        return {self.sum} if self.bend is None else {self.sum, self.bend}

    def forward(self, steps: Sequence[BoundStep], shapes: dict[str, Shape]) -> bool:
        """As ``Pooled.forward``."""
        convolution, total = steps[self.convolution], steps[self.sum]
        _reshape([convolution, *(steps[index] for index in sorted(self.done))], shapes)
        if not self.layer.suits(convolution.bottoms[0].shape):
            return False
        self.layer.forward(convolution.bottoms[0], total.bottoms[self.other], total.tops[0])
        _leave_out_top(convolution)
        return True


Fused = Pooled | Summed


def pooled_convolutions(steps: Sequence[Step], left_out: Set[int]) -> Iterator[Pooled]:
    """All of a net on the CPU; the layers ``left_out`` are done by the convolutions anyway."""
    for index, step, convolution in _convolutions(steps):
        reader = _only_reader(steps, step.tops[0], left_out)
        pooling = None if reader is None else steps[reader].layer
        if reader is not None and isinstance(pooling, Pooling) and can_be_pooled(convolution, pooling):
            yield Pooled(index, reader, PooledConvolution(convolution, pooling))


def summed_convolutions(steps: Sequence[Step], left_out: Set[int]) -> Iterator[Summed]:
    """All of a net on the CPU that only goes forward; ``left_out`` as above, a ReLU before the sum excepted."""
    for index, step, convolution in _convolutions(steps):
        top = step.tops[0]
        reader = _only_reader(steps, top, left_out)
        maps_only = all(steps[i].layer.channel_map() is not None for i in left_out if steps[i].bottoms == [top])
        if reader is None or not maps_only:
            continue
        total = steps[reader]
        if not (isinstance(total.layer, Eltwise) and is_plain_sum(total.layer)):
            continue
        other = 1 - total.bottoms.index(top)
        if any(total.bottoms[other] in steps[i].tops for i in range(index, len(steps))):
            continue
        bend = _bend_behind(steps, reader, convolution.params[0].shape[0])
        layer = SummedConvolution(convolution, None if bend is None else steps[bend].layer)
        yield Summed(index, reader, other, bend, layer)


def _convolutions(steps: Sequence[Step]) -> Iterator[tuple[int, Step, Convolution]]:
    for index, step in enumerate(steps):
        layer = step.layer
        alone = len(step.bottoms) == len(step.tops) == 1
        if not (isinstance(layer, Convolution) and layer.axis == 1 and alone):
            continue
        # Later on, whoever reads what was left out finds the bottom as it was.
        if not any(step.bottoms[0] in later.tops for later in steps[index:]):
            yield index, step, layer


def _only_reader(steps: Sequence[Step], blob: str, left_out: Set[int]) -> int | None:
    readers = [index for index, step in enumerate(steps) if blob in step.bottoms and index not in left_out]
    return readers[0] if len(readers) == 1 else None


def _bend_behind(steps: Sequence[Step], index: int, channels: int) -> int | None:
    """The ReLU or PReLU in place that reads the top of the layer ``index`` first."""
    tops = steps[index].tops
    first = next((i for i in range(index + 1, len(steps)) if tops[0] in steps[i].bottoms), None)
    if first is None or not steps[first].bottoms == steps[first].tops == tops:
        return None
    return first if steps[first].layer.channel_slopes(channels) is not None else None


def _reshape(steps: Sequence[BoundStep], shapes: dict[str, Shape]) -> None:
    for bound in steps:
        bound.reshape_if_needed(shapes)


def _leave_out_top(convolution: BoundStep) -> None:
    """Whoever reads the blob has it made."""
    convolution.tops[0].values.defer(lambda: convolution.runner.forward(convolution.bottoms, convolution.tops))
