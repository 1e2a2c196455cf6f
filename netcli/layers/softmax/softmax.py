"""Softmax: scores to probabilities along an axis (1 by default).

    y_k = exp(x_k - max_j x_j) / sum_j exp(x_j - max_j x_j)
    dx_k = (dy_k - sum_j dy_j y_j) y_k

x: any shape with the axis -> y: the same, summing to 1 along the axis. Source: Caffe's softmax_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.channel_form import channel_form, form_place, row_scratch
from netcli.layers.layer import Layer, LayerContext
from netcli.layers.registry import register
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
from netcli.runtime.blob import Blob, Shape


@register("Softmax", v1="SOFTMAX", param="softmax_param", in_place=True)
class Softmax(Layer):
    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._workspace = Workspace(context.dtype)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape with the axis) -> the same. Raises ConfigError NC123 for an axis out of range."""
        shape = bottom_shapes[0]
        self.axis = self.canonical_axis(self.param.softmax_param.axis, len(shape), "softmax_param", "axis")
        return [shape]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        shape = bottoms[0].shape
        place = form_place(bottoms[0].values, self.axis)
        x = channel_form(bottoms[0].values.read(place), place, shape, self.axis)
        y = channel_form(tops[0].values.write(place), place, shape, self.axis)
        self.kernels.softmax_forward(x, row_scratch(self._workspace, x), y)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        shape = bottoms[0].shape
        place = form_place(tops[0].gradients, self.axis)
        y = channel_form(tops[0].values.read(place), place, shape, self.axis)
        dy = channel_form(tops[0].gradients.read(place), place, shape, self.axis)
        dx = channel_form(bottoms[0].gradients.write(place), place, shape, self.axis)
        self.kernels.softmax_backward(y, dy, row_scratch(self._workspace, y), dx)
