"""Flatten: makes one axis of consecutive ones.

    y = x, in C order

x: any shape -> y: (before ``axis``..., product of ``axis`` to ``end_axis``, after ``end_axis``...); by default
(N, all the rest). An ``end_axis`` just before ``axis`` puts an axis of size 1 there. Source: Caffe's flatten_layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from netcli.layers.rearrange.same_values import SameValues
from netcli.layers.registry import register
from netcli.runtime.blob import Shape


@register("Flatten", v1="FLATTEN", param="flatten_param")
class Flatten(SameValues):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> fewer axes, as many values. Raises ConfigError NC123 for axes out of range or in disorder."""
        settings = self.param.flatten_param
        shape = bottom_shapes[0]
        first = self.canonical_axis(settings.axis, len(shape), "flatten_param", "axis")
        last = self.canonical_axis(settings.end_axis, len(shape), "flatten_param", "end_axis")
        if last < first - 1:
            raise self.error(
                "NC123",
                "end_axis comes before axis",
                "flatten_param",
                "end_axis",
                expected=f"{first} to {len(shape) - 1}",
                actual=settings.end_axis,
            )
        return [(*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])]
