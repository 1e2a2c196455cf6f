"""Sigmoid: the logistic function.

    y = 1 / (1 + e^-x);  dx = dy y (1 - y)

x: any shape -> y: the same. Source: Caffe's sigmoid_layer.
"""

from __future__ import annotations

import numpy as np

from netcli.layers.neuron.activation import Activation
from netcli.layers.registry import register


@register("Sigmoid", v1="SIGMOID", param="sigmoid_param", in_place=True)
class Sigmoid(Activation):
    def _apply(self, x: np.ndarray, y: np.ndarray) -> None:
        self.kernels.sigmoid_forward(x, y)

    def _differentiate(self, values: np.ndarray, dy: np.ndarray, dx: np.ndarray) -> None:
        self.kernels.sigmoid_backward(values, dy, dx)
