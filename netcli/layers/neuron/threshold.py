"""Threshold: says which values are large.

    y = 1 where x > threshold, else 0

x: any shape -> y: the same. There is no gradient. Source: Caffe's threshold_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.layer import Layer
from netcli.layers.registry import register
from netcli.runtime.blob import Blob, Shape


@register(
    "Threshold",
    v1="THRESHOLD",
    param="threshold_param",
    in_place=True,
    undifferentiable=(0,),
    no_gradient="a threshold is a step function",
)
class Threshold(Layer):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> the same."""
        self.threshold = self.real(self.param.threshold_param.threshold)
        return [bottom_shapes[0]]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        place = bottoms[0].values.home()
        x = bottoms[0].values.read(place).reshape(-1)
        self.kernels.threshold_forward(x, self.threshold, tops[0].values.write(place).reshape(-1))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        """Raises ConfigError NC114 if a gradient is asked for."""
        if propagate_down[0]:
            raise self.error(
                "NC114",
                "a threshold has no gradient",
                "type",
                hint="write `propagate_down: false` to stop the gradient here",
            )
