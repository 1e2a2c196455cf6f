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
    backward_reads = "x"
    plain_only = True

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> the same."""
        settings = self.param.power_param
        self._power, self._scale = self.real(settings.power), self.real(settings.scale)
        self._shift = self.real(settings.shift)
        self._is_constant = settings.power == 0 or settings.scale == 0
        return super().setup(bottom_shapes)

    def _apply(self, x: np.ndarray, y: np.ndarray) -> None:
        if self._is_constant:
            with np.errstate(all="ignore"):
                y.fill(self._shift**self._power)
        else:
            self.kernels.power_forward(x, self._power, self._scale, self._shift, y)

    def _differentiate(self, values: np.ndarray, dy: np.ndarray, dx: np.ndarray) -> None:
        if self._is_constant:
            dx.fill(0)
        else:
            self.kernels.power_backward(values, dy, self._power, self._scale, self._shift, dx)
