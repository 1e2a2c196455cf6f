"""ReLU6: the rectified linear unit with a ceiling of 6, of MobileNet's forks.

    y = min(max(x, 0), 6);  dx = dy where 0 < x < 6, else 0

x: any shape -> y: the same. Source: Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.
"""

from __future__ import annotations

import numpy as np

from netcli.layers.neuron.activation import Activation
from netcli.layers.registry import register


@register("ReLU6", in_place=True, fork="MobileNet's forks")
class ReLU6(Activation):
    def _apply(self, x: np.ndarray, y: np.ndarray) -> None:
        self.kernels.clip_forward(x, self.real(0), self.real(6), y)

    def _differentiate(self, values: np.ndarray, dy: np.ndarray, dx: np.ndarray) -> None:
        self.kernels.relu6_backward(values, dy, dx)
