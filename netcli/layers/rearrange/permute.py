"""Permute: changes the order of the axes.

    y[i_order[0], i_order[1], ...] = x[i_0, i_1, ...]

x: any shape -> y: (size of axis order[0], of order[1], ...). Axes that ``order`` leaves out follow, ascending.
Fork: SSD (weiliu89/caffe, branch ssd).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer
from netcli.layers.logical_axes import axes_view, place_for_axis
from netcli.layers.registry import register
from netcli.runtime.blob import Blob, Replicas, Shape


@register("Permute", param="permute_param", fork="SSD (weiliu89/caffe, branch ssd)")
class Permute(Layer):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> the same sizes in another order.

        Raises:
            ConfigError: NC123 for an axis out of range, NC126 for one given twice.
        """
        shape = bottom_shapes[0]
        order = list(self.param.permute_param.order)
        for index, axis in enumerate(order):
            where = ("permute_param", "order", index)
            if axis >= len(shape):
                raise self.error("NC123", "axis out of range", *where, expected=f"0 to {len(shape) - 1}", actual=axis)
            if axis in order[:index]:
                raise self.error("NC126", f"axis {axis} is given twice", *where)
        order += [axis for axis in range(len(shape)) if axis not in order]
        self.order = order
        return [tuple(shape[axis] for axis in order)]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        self._copy(bottoms[0].values, tops[0].values, self.order)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if propagate_down[0]:
            back = [self.order.index(axis) for axis in range(len(self.order))]
            self._copy(tops[0].gradients, bottoms[0].gradients, back)

    @staticmethod
    def _copy(source: Replicas, target: Replicas, order: list[int]) -> None:
        """Writes ``source`` with its axes in ``order``; in lanes the images have to stay in front."""
        place = place_for_axis([source], 1 if order[:1] == [0] and len(order) > 1 else 0)
        view = axes_view(source.read(place), place, source.shape)
        lanes = range(len(order), view.ndim)
        np.copyto(axes_view(target.write(place), place, target.shape), view.transpose(*order, *lanes))
