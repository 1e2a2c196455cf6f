"""BNLL: the binomial normal log likelihood, also called softplus.

    y = log(1 + e^x);  dx = dy e^x / (1 + e^x) = dy (1 - e^-y)

x: any shape -> y: the same. The derivative is told from y, so that it holds in place too, where Caffe's bnll_layer,
the source, takes y for x.
"""

from __future__ import annotations

import numpy as np

from netcli.layers.neuron.activation import Activation
from netcli.layers.registry import register


@register("BNLL", v1="BNLL", in_place=True)
class BNLL(Activation):
    def _apply(self, x: np.ndarray, y: np.ndarray) -> None:
        self.kernels.bnll_forward(x, y)

    def _differentiate(self, values: np.ndarray, dy: np.ndarray, dx: np.ndarray) -> None:
        self.kernels.bnll_backward(values, dy, dx)
