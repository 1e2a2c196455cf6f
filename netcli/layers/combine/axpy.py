"""Axpy: scales each channel of each image by a number of its own, and adds a blob.

    y = a x + b
    da = sum of x dy over the positions,  dx = a dy,  db = dy

a: (N, C), perhaps with more axes of size 1; x and b: (N, C, ...) -> y: the same. Fork: SENet (Hu, Shen, Sun,
"Squeeze-and-excitation networks", CVPR 2018).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer
from netcli.layers.registry import register
from netcli.runtime.blob import LANES, Blob, Shape


@register("Axpy", bottoms=3, fork="SENet (hujie-frank/SENet)")
class Axpy(Layer):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N, C), (N, C, ...), (N, C, ...) -> (N, C, ...).

        Raises:
            ConfigError: NC122 for an x without channels, NC124 for shapes that do not fit.
        """
        scale, shape, added = bottom_shapes
        if len(shape) < 2:
            raise self.error("NC122", "the bottom has no channels", "bottom", 1, expected="(N, C, ...)", actual=shape)
        if scale[:2] != shape[:2] or any(size != 1 for size in scale[2:]):
            raise self.error(
                "NC124",
                "the first bottom must have one number for each channel of each image",
                "bottom",
                0,
                expected=f"{shape[:2]} or {(*shape[:2], 1, 1)}",
                actual=scale,
            )
        if added != shape:
            raise self.error(
                "NC124", "the third bottom must have the shape of the second", "bottom", 2, expected=shape, actual=added
            )
        return [shape]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        scale, x, added = (bottom.values.read(LANES) for bottom in bottoms)
        self.kernels.scale_and_add(scale, x, added, tops[0].values.write(LANES))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        dy = tops[0].gradients.read(LANES)
        if propagate_down[0]:
            self.kernels.sum_of_products(bottoms[1].values.read(LANES), dy, bottoms[0].gradients.write(LANES))
        if propagate_down[1]:
            self.kernels.scale(bottoms[0].values.read(LANES), dy, bottoms[1].gradients.write(LANES))
        if propagate_down[2]:
            np.copyto(bottoms[2].gradients.write(LANES), dy)
