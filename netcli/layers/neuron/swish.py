"""Swish: x, gated by its own sigmoid.

    s = 1 / (1 + e^(-beta x))
    y = x s;  dx = dy (beta y + s (1 - beta y))

x: any shape -> y: the same. Source: Caffe's swish_layer; Ramachandran et al., "Searching for activation
functions", 2017.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.neuron.activation import Activation
from netcli.layers.registry import register
from netcli.runtime.blob import Shape


@register("Swish", param="swish_param", in_place=True)
class Swish(Activation):
    backward_reads = "x"

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> the same."""
        self._beta = self.real(self.param.swish_param.beta)
        return super().setup(bottom_shapes)

    def _apply(self, x: np.ndarray, y: np.ndarray) -> None:
        self.kernels.swish_forward(x, self._beta, y)

    def _differentiate(self, values: np.ndarray, dy: np.ndarray, dx: np.ndarray) -> None:
        self.kernels.swish_backward(values, dy, self._beta, dx)
