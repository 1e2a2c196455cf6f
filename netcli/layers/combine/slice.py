"""Slice: takes a blob apart along an axis (1 by default); the opposite of Concat.

    y_i = the part of x from slice_point i - 1 to before slice_point i
    dx = [dy_0, dy_1, ...]

x: any shape with the axis -> y_i: the same, with the sizes that the points cut, or equal sizes without points.
``slice_dim`` is the old form of ``axis``. Source: Caffe's slice_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.combine.old_axis import axis_or_dim
from netcli.layers.layer import Layer
from netcli.layers.logical_axes import axes_view, part, place_for_axis
from netcli.layers.registry import register
from netcli.runtime.blob import Blob, Shape


@register("Slice", v1="SLICE", param="slice_param", tops=(1, None))
class Slice(Layer):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape with the axis) -> the same for each top, with its part of the axis.

        Raises:
            ConfigError: NC121 for points that are too many or too few, or that do not ascend, or for a size that the
                tops do not divide; NC123 for an axis out of range; NC126 for both axis and slice_dim.
        """
        shape = bottom_shapes[0]
        axis = self.axis = axis_or_dim(self, "slice_param", "slice_dim", len(shape))
        self.bounds = self._cut(shape[axis])
        sizes = [end - first for first, end in self.bounds]
        return [(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        place = place_for_axis([bottoms[0].values], self.axis)
        x = axes_view(bottoms[0].values.read(place), place, bottoms[0].shape)
        for top, bounds in zip(tops, self.bounds, strict=True):
            np.copyto(axes_view(top.values.write(place), place, top.shape), part(x, self.axis, *bounds))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        place = place_for_axis([top.gradients for top in tops], self.axis)
        dx = axes_view(bottoms[0].gradients.write(place), place, bottoms[0].shape)
        for top, bounds in zip(tops, self.bounds, strict=True):
            np.copyto(part(dx, self.axis, *bounds), axes_view(top.gradients.read(place), place, top.shape))

    def _cut(self, size: int) -> list[tuple[int, int]]:
        """Where each top begins and ends."""
        points, tops = list(self.param.slice_param.slice_point), len(self.param.top)
        if not points:
            if size % tops:
                raise self.error(
                    "NC121",
                    f"the tops do not divide the size of axis {self.axis}",
                    expected=f"a number of tops that divides {size}",
                    actual=tops,
                    hint="say where to cut with slice_point",
                )
            points = [size // tops * top for top in range(1, tops)]
        elif len(points) != tops - 1:
            raise self.error(
                "NC121",
                "wrong number of slice_point values",
                "slice_param",
                "slice_point",
                0,
                expected=f"{tops - 1} for {tops} tops",
                actual=len(points),
            )
        starts = [0, *points]
        for index, (before, point) in enumerate(zip(starts, points, strict=False)):
            if not before < point < size:
                raise self.error(
                    "NC121",
                    "slice_point values must ascend within the axis",
                    "slice_param",
                    "slice_point",
                    index,
                    expected=f"{before + 1} to {size - 1}",
                    actual=point,
                )
        return list(zip(starts, [*points, size], strict=True))
