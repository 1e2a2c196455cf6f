"""AbsVal: the absolute value.

    y = |x|;  dx = dy sign(x),  0 at 0

x: any shape -> y: the same. As in Caffe it cannot work in place. Source: Caffe's absval_layer.
"""

from __future__ import annotations

import numpy as np

from netcli.layers.neuron.activation import Activation
from netcli.layers.registry import register


@register("AbsVal", v1="ABSVAL")
class AbsVal(Activation):
    backward_reads = "x"

    def _apply(self, x: np.ndarray, y: np.ndarray) -> None:
        self.kernels.absolute_forward(x, y)

    def _differentiate(self, values: np.ndarray, dy: np.ndarray, dx: np.ndarray) -> None:
        self.kernels.absolute_backward(values, dy, dx)
