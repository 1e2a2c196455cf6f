"""Reduction: one number for everything from an axis on (0 by default, which gives a single number).

    SUM    y = c sum_j x_j          dx_j = c dy
    ASUM   y = c sum_j |x_j|        dx_j = c sign(x_j) dy
    SUMSQ  y = c sum_j x_j^2        dx_j = 2 c x_j dy
    MEAN   y = c / D sum_j x_j      dx_j = c / D dy

with j running over the D values of ``axis`` and all axes after it, and c = ``coeff``.

x: (M..., D...) -> y: (M...), () for axis 0. Source: Caffe's reduction_layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from netcli.layers.layer import Layer
from netcli.layers.registry import register
from netcli.runtime.blob import PLAIN, Blob, Shape
from netcli.schema import caffe_pb2 as pb


@register("Reduction", param="reduction_param")
class Reduction(Layer):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(M..., D...) -> (M...). Raises ConfigError NC123 for an axis out of range."""
        settings = self.param.reduction_param
        shape = bottom_shapes[0]
        axis = self.canonical_axis(settings.axis, len(shape), "reduction_param", "axis")
        self.form = (math.prod(shape[:axis]), math.prod(shape[axis:]))
        mean = settings.operation == pb.ReductionParameter.MEAN
        self.factor = self.real(settings.coeff / max(self.form[1], 1) if mean else settings.coeff)
        return [shape[:axis]]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        x = bottoms[0].values.read(PLAIN).reshape(self.form)
        y = tops[0].values.write(PLAIN).reshape(-1)
        self.kernels.reduce_rows(x, self._kind(), self.factor, y)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        x = bottoms[0].values.read(PLAIN).reshape(self.form)
        dy = tops[0].gradients.read(PLAIN).reshape(-1)
        dx = bottoms[0].gradients.write(PLAIN).reshape(self.form)
        self.kernels.reduction_backward(x, dy, self._kind(), self.factor, dx)

    def averages_batch(self, top: int) -> bool:
        settings = self.param.reduction_param
        return settings.operation == pb.ReductionParameter.MEAN and self.form[0] == 1

    def _kind(self) -> int:
        """Which sum it is: the kernels' name for it."""
        operation = self.param.reduction_param.operation
        if operation == pb.ReductionParameter.ASUM:
            return int(self.kernels.ABSOLUTE_SUM)
        if operation == pb.ReductionParameter.SUMSQ:
            return int(self.kernels.SUM_OF_SQUARES)
        return int(self.kernels.PLAIN_SUM)
