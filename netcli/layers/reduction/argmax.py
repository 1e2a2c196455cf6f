"""ArgMax: where the largest values stand.

    with ``axis``:      y[..., j, ...] = the index (or with ``out_max_val`` the value) of the j-th largest along it
    without:            y[n, 0, j] = the index of the j-th largest of image n, over all axes after the first;
                        with ``out_max_val`` also y[n, 1, j] = its value

for j below ``top_k``, the largest first. Of equal values the last one comes first, as in Caffe; a NaN is larger than
every number. Indices stand as floating-point numbers. There is no gradient.

x: any shape -> y: x's shape with top_k for the size of ``axis``, or (N, 1 or 2, top_k), with as many axes of size 1
behind as x has more. Source: Caffe's argmax_layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.channel_form import channel_form, form_place
from netcli.layers.layer import Layer, LayerContext
from netcli.layers.registry import register
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
from netcli.runtime.blob import PLAIN, Blob, Shape


@register(
    "ArgMax",
    v1="ARGMAX",
    param="argmax_param",
    undifferentiable=(0,),
    no_gradient="the index of a maximum is a step function",
)
class ArgMax(Layer):
    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._work = Workspace(context.dtype)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> see above.

        Raises:
            ConfigError: NC121 for a top_k that is 0 or more than there is, NC122 for a bottom without axes, NC123 for
                an axis out of range.
        """
        settings = self.param.argmax_param
        shape = bottom_shapes[0]
        if not shape:
            raise self.error("NC122", "the bottom has no axes", "bottom", 0, expected="(N, ...)", actual=shape)
        if settings.HasField("axis"):
            axis = self.canonical_axis(settings.axis, len(shape), "argmax_param", "axis")
            self._shape, self._axis = shape, axis
            top: Shape = (*shape[:axis], settings.top_k, *shape[axis + 1 :])
        else:
            self._shape, self._axis = (shape[0], math.prod(shape[1:])), 1
            rows = 2 if settings.out_max_val else 1
            top = (shape[0], rows, settings.top_k, *(1,) * (len(shape) - 3))
        most = self._shape[self._axis]
        if not 1 <= settings.top_k <= most:
            raise self.error(
                "NC121",
                "top_k is out of range",
                "argmax_param",
                "top_k",
                expected=f"1 to {most}, the values to choose from",
                actual=settings.top_k,
            )
        return [top]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        settings = self.param.argmax_param
        along_axis = settings.HasField("axis")
        place = form_place(bottoms[0].values, self._axis) if along_axis else PLAIN
        x = channel_form(bottoms[0].values.read(place), place, self._shape, self._axis)
        groups, positions, _, width = x.shape
        values, indices = (
            self._work.scratch(name, groups, positions, settings.top_k, width) for name in ("values", "indices")
        )
        self.kernels.largest(x, values, indices)
        y = tops[0].values.write(place)
        if along_axis:
            np.copyto(y.reshape(values.shape), values if settings.out_max_val else indices)
            return
        y = y.reshape(tops[0].shape[:3])
        np.copyto(y[:, 0], indices[:, 0, :, 0])
        if settings.out_max_val:
            np.copyto(y[:, 1], values[:, 0, :, 0])

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        """Nothing to do: there is no gradient."""
