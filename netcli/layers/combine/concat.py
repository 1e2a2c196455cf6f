"""Concat: blobs one after the other along an axis (1 by default).

    y = [x_0, x_1, ...]
    dx_i = the part of dy that x_i stands in

x_i: equal shapes but for the axis -> y: the same, with the sum of their sizes along the axis. ``concat_dim`` is the
old form of ``axis``. Source: Caffe's concat_layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from netcli.layers.combine.old_axis import axis_or_dim
from netcli.layers.layer import Layer
from netcli.layers.logical_axes import axes_view, part, place_for_axis
from netcli.layers.registry import register
from netcli.runtime.blob import Blob, Shape


@register("Concat", v1="CONCAT", param="concat_param", bottoms=(1, None))
class Concat(Layer):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(shapes that differ along the axis at most) -> one with the sum of their sizes there.

        Raises:
            ConfigError: NC123 for an axis out of range, NC124 for shapes that do not fit, NC126 for both axis
                and concat_dim.
        """
        first = bottom_shapes[0]
        axis = self.axis = axis_or_dim(self, "concat_param", "concat_dim", len(first))
        for index, shape in enumerate(bottom_shapes):
            if len(shape) != len(first) or shape[:axis] + shape[axis + 1 :] != first[:axis] + first[axis + 1 :]:
                any_size = ", ".join("any" if i == axis else str(size) for i, size in enumerate(first))
                raise self.error(
                    "NC124",
                    f"the bottoms must have equal shapes but for axis {axis}",
                    "bottom",
                    index,
                    expected=f"({any_size})",
                    actual=shape,
                )
        total = sum(shape[axis] for shape in bottom_shapes)
        return [(*first[:axis], total, *first[axis + 1 :])]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        place = place_for_axis([bottom.values for bottom in bottoms], self.axis)
        y = axes_view(tops[0].values.write(place), place, tops[0].shape)
        for bottom, target in zip(bottoms, self._parts(y, bottoms), strict=True):
            np.copyto(target, axes_view(bottom.values.read(place), place, bottom.shape))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not any(propagate_down):
            return
        place = place_for_axis([tops[0].gradients], self.axis)
        dy = axes_view(tops[0].gradients.read(place), place, tops[0].shape)
        for bottom, wanted, source in zip(bottoms, propagate_down, self._parts(dy, bottoms), strict=True):
            if wanted:
                np.copyto(axes_view(bottom.gradients.write(place), place, bottom.shape), source)

    def _parts(self, view: np.ndarray, bottoms: Sequence[Blob]) -> Iterator[np.ndarray]:
        """The part of the top's ``view`` that belongs to each bottom."""
        first = 0
        for bottom in bottoms:
            end = first + bottom.shape[self.axis]
            yield part(view, self.axis, first, end)
            first = end
