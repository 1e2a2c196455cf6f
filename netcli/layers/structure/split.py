"""Split: one blob for several consumers. The net puts it where a blob has more than one.

    y_j = x            the tops share the bottom's array
    dx = sum_j dy_j    in the order of the tops

x: any shape -> each top: the same. Source: Caffe's split_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer
from netcli.layers.registry import register
from netcli.runtime.blob import Blob, Shape


@register("Split", v1="SPLIT", tops=(1, None))
class Split(Layer):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> the same for each top."""
        return [bottom_shapes[0]] * len(self.param.top)

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        for top in tops:
            top.values = bottoms[0].values

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        place = tops[0].gradients.home()
        dx = bottoms[0].gradients.write(place).reshape(-1)
        first = tops[0].gradients.read(place).reshape(-1)
        if len(tops) == 1:
            np.copyto(dx, first)
        for top in tops[1:]:
            self.kernels.add(first, top.gradients.read(place).reshape(-1), dx)
            first = dx
