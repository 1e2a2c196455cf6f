"""ReLU: the rectified linear unit, leaky with a ``negative_slope``.

    y = x                     where x > 0
    y = negative_slope x      elsewhere
    dx = dy (1 or negative_slope, likewise)

x: any shape -> y: the same. Source: Caffe's relu_layer; Maas et al., "Rectifier nonlinearities improve neural
network acoustic models", ICML 2013, for the slope.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer
from netcli.layers.registry import register
from netcli.runtime.blob import Blob, Shape


@register("ReLU", v1="RELU", param="relu_param", in_place=True)
class ReLU(Layer):
    """In place, backward tells the sign of x from y, so a negative slope needs a top of its own."""

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> the same. Raises ConfigError NC107 for a negative slope in place."""
        slope = self.param.relu_param.negative_slope
        if slope < 0 and self.param.bottom[:1] == self.param.top[:1]:
            raise self.error(
                "NC107",
                "a negative_slope below 0 loses the sign that backward needs",
                "relu_param",
                "negative_slope",
                expected="at least 0 where the top is the bottom",
                actual=f"{slope:g}",
                hint="give the layer a top of its own",
            )
        self.slope = self.real(slope)
        return [bottom_shapes[0]]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        place = bottoms[0].values.home()
        x = bottoms[0].values.read(place).reshape(-1)
        y = tops[0].values.write(place).reshape(-1)
        self.kernels.relu_forward(x, self.slope, bottoms[0] is tops[0], y)

    def channel_slopes(self, channels: int) -> np.ndarray | None:
        return np.full(channels, self.slope, self.context.dtype)

    def top_suffices(self) -> bool:
        return True

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        place = tops[0].gradients.home()
        x = bottoms[0].values.read(place).reshape(-1)
        dy = tops[0].gradients.read(place).reshape(-1)
        dx = bottoms[0].gradients.write(place).reshape(-1)
        self.kernels.relu_backward(x, dy, self.slope, bottoms[0] is tops[0], dx)
