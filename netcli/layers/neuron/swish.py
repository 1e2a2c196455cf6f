"""Swish: x, gated by its own sigmoid.

    s = 1 / (1 + e^(-beta x))
    y = x s;  dx = dy (beta y + s (1 - beta y))

x: any shape -> y: the same. Source: Caffe's swish_layer; Ramachandran et al., "Searching for activation
functions", 2017.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.neuron.activation import Activation
from netcli.layers.registry import register
from netcli.runtime.blob import Shape


@register("Swish", param="swish_param", in_place=True)
class Swish(Activation):
    function = "swish"
    backward_reads = "x"

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> the same."""
        self.numbers = (self.real(self.param.swish_param.beta),)
        return super().setup(bottom_shapes)
