"""ELU: the exponential linear unit.

    y = x                   where x > 0
    y = alpha (e^x - 1)     elsewhere
    dx = dy (1 or alpha e^x, likewise)

x: any shape -> y: the same. Source: Caffe's elu_layer; Clevert et al., "Fast and accurate deep network learning by
exponential linear units", ICLR 2016.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.neuron.activation import Activation
from netcli.layers.registry import register
from netcli.runtime.blob import Shape


@register("ELU", param="elu_param", in_place=True)
class ELU(Activation):
    backward_reads = "x"

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> the same."""
        self._alpha = self.real(self.param.elu_param.alpha)
        return super().setup(bottom_shapes)

    def _apply(self, x: np.ndarray, y: np.ndarray) -> None:
        self.kernels.elu_forward(x, self._alpha, y)

    def _differentiate(self, values: np.ndarray, dy: np.ndarray, dx: np.ndarray) -> None:
        self.kernels.elu_backward(values, dy, self._alpha, dx)
