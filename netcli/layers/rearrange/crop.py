"""Crop: cuts a blob to the size of another one, along an axis (2 by default) and all after it.

    y = x[..., offset : offset + size of the second bottom, ...]
    dx = dy where y was taken from, else 0

x: any shape; the second bottom: as large or smaller along the axes from ``axis`` on -> y: x's shape before ``axis``,
the second bottom's from there on. ``offset``: one for all these axes, or one each, 0 by default. Only the shape of
the second bottom counts; its gradient is 0. Source: Caffe's crop_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer
from netcli.layers.logical_axes import axes_view, place_for_axis
from netcli.layers.registry import register
from netcli.runtime.blob import Blob, Shape


@register("Crop", param="crop_param", bottoms=2)
class Crop(Layer):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape), (as large or smaller) -> the part of the first.

        Raises:
            ConfigError: NC121 for a wrong number of offsets or a part that reaches behind the end, NC123 for an axis
                out of range, NC124 for a second bottom with fewer axes.
        """
        shape, wanted = bottom_shapes
        axis = self._axis = self.canonical_axis(self.param.crop_param.axis, len(shape), "crop_param", "axis")
        if len(wanted) < len(shape):
            raise self.error(
                "NC124",
                "the second bottom has too few axes",
                "bottom",
                1,
                expected=f"{len(shape)} or more, as in {shape}",
                actual=f"{len(wanted)} in {wanted}",
            )
        sizes = wanted[axis : len(shape)]
        offsets = self._offsets(len(sizes))
        ends = [offset + size for offset, size in zip(offsets, sizes, strict=True)]
        for index, (offset, end) in enumerate(zip(offsets, ends, strict=True)):
            size = shape[axis + index]
            if end > size:
                given = len(self.param.crop_param.offset)
                where = ("crop_param", "offset", index if given > 1 else 0) if given else ("bottom", 1)
                raise self.error(
                    "NC121",
                    f"the part reaches behind the end of axis {axis + index}",
                    *where,
                    expected=f"offset + size at most {size}",
                    actual=f"{offset} + {end - offset}",
                )
        self.part = (slice(None),) * axis + tuple(slice(offset, end) for offset, end in zip(offsets, ends, strict=True))
        return [(*shape[:axis], *sizes)]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        place = place_for_axis([bottoms[0].values], self._axis)
        x = axes_view(bottoms[0].values.read(place), place, bottoms[0].shape)
        np.copyto(axes_view(tops[0].values.write(place), place, tops[0].shape), x[self.part])

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if propagate_down[1]:
            bottoms[1].gradients.write(bottoms[1].values.home()).fill(0)
        if propagate_down[0]:
            place = place_for_axis([tops[0].gradients], self._axis)
            dx = axes_view(bottoms[0].gradients.write(place), place, bottoms[0].shape)
            dx.fill(0)
            np.copyto(dx[self.part], axes_view(tops[0].gradients.read(place), place, tops[0].shape))

    def _offsets(self, axes: int) -> list[int]:
        """One for each cropped axis."""
        given = list(self.param.crop_param.offset) or [0]
        if len(given) not in (1, axes):
            raise self.error(
                "NC121",
                "wrong number of offset values",
                "crop_param",
                "offset",
                0,
                expected=f"1, or {axes} (the axes from axis {self._axis} on)",
                actual=len(given),
            )
        return given * axes if len(given) == 1 else given
