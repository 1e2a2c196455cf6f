"""ELU: the exponential linear unit.

    y = x                   where x > 0
    y = alpha (e^x - 1)     elsewhere
    dx = dy (1 or alpha e^x, likewise)

x: any shape -> y: the same. Source: Caffe's elu_layer; Clevert et al., "Fast and accurate deep network learning by
exponential linear units", ICLR 2016.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.neuron.activation import Activation
from netcli.layers.registry import register
from netcli.runtime.blob import Shape


@register("ELU", param="elu_param", in_place=True)
class ELU(Activation):
    function = "elu"
    backward_reads = "x"

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> the same."""
        self.numbers = (self.real(self.param.elu_param.alpha),)
        return super().setup(bottom_shapes)
