"""Power: a power of a linear function.

    y = (shift + scale x)^power;  dx = dy power scale (shift + scale x)^(power - 1)

x: any shape -> y: the same. The power 0 gives 1 everywhere; a power that is not a whole number gives NaN below 0, as
pow does. Source: Caffe's power_layer; unlike it, the gradient holds in place too, and is that of the equation where
x is 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.neuron.activation import Activation
from netcli.layers.registry import register
from netcli.runtime.blob import Shape


@register("Power", v1="POWER", param="power_param", in_place=True)
class Power(Activation):
    function = "power"
    backward_reads = "x"
    plain_only = True

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> the same."""
        settings = self.param.power_param
        self.numbers = self.real(settings.power), self.real(settings.scale), self.real(settings.shift)
        self.is_constant = settings.power == 0 or settings.scale == 0
        return super().setup(bottom_shapes)

    def _apply(self, x: np.ndarray, y: np.ndarray) -> None:
        if self.is_constant:
            y.fill(self.constant)
        else:
            super()._apply(x, y)

    def _differentiate(self, values: np.ndarray, dy: np.ndarray, dx: np.ndarray) -> None:
        if self.is_constant:
            dx.fill(0)
        else:
            super()._differentiate(values, dy, dx)

    @property
    def constant(self) -> np.floating:
        """What every element becomes where the power or the scale is 0."""
        power, _, shift = self.numbers
        with np.errstate(all="ignore"):
            return shift**power
