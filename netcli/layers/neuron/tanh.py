"""TanH: the hyperbolic tangent.

    y = tanh(x);  dx = dy (1 - y^2)

x: any shape -> y: the same. Source: Caffe's tanh_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.layer import Layer
from netcli.layers.registry import register
from netcli.runtime.blob import Blob, Shape


@register("TanH", v1="TANH", param="tanh_param", in_place=True)
class TanH(Layer):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> the same."""
        return [bottom_shapes[0]]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        place = bottoms[0].values.home()
        x = bottoms[0].values.read(place).reshape(-1)
        self.kernels.tanh_forward(x, tops[0].values.write(place).reshape(-1))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        place = tops[0].gradients.home()
        y = tops[0].values.read(place).reshape(-1)
        dy = tops[0].gradients.read(place).reshape(-1)
        self.kernels.tanh_backward(y, dy, bottoms[0].gradients.write(place).reshape(-1))
