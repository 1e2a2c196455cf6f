"""EuclideanLoss: half the mean squared distance of two batches.

    loss = 1/(2 N) sum_ik (a_ik - b_ik)^2,  da = w/N (a - b),  db = -da

a, b: (N, ...), of as many values an example -> loss: (). Both get a gradient where it is wanted. w is the loss weight.
Source: Caffe's euclidean_loss_layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from netcli.layers.layer import Layer, LayerContext
from netcli.layers.registry import register
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
from netcli.runtime.blob import PLAIN, Blob, Shape


@register("EuclideanLoss", v1="EUCLIDEAN_LOSS", bottoms=2, loss=True)
class EuclideanLoss(Layer):
    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._workspace = Workspace(context.dtype)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N, ...) twice -> (). Raises ConfigError NC122 without an axis, NC124 for shapes that do not agree."""
        a, b = bottom_shapes
        if not a or not b:
            raise self.error("NC122", "a batch is needed", "bottom", 0 if not a else 1, expected="(N, ...)", actual=())
        if (a[0], math.prod(a[1:])) != (b[0], math.prod(b[1:])):
            raise self.error(
                "NC124", "the bottoms must have one shape", "bottom", 1, expected=f"as many values as {a}", actual=b
            )
        return [()]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        items = bottoms[0].shape[0]
        a, b = (bottom.values.read(PLAIN).reshape(items, -1) for bottom in bottoms)
        distances = self._workspace.scratch("distances", items)
        self.kernels.squared_distances(a, b, distances)
        tops[0].values.write(PLAIN).fill(distances.sum() / (2 * items))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        items = bottoms[0].shape[0]
        a, b = (bottom.values.read(PLAIN).reshape(items, -1) for bottom in bottoms)
        scale = float(tops[0].gradients.read(PLAIN)) / items
        for bottom, wanted, sign in zip(bottoms, propagate_down, (1, -1), strict=True):
            if wanted:
                gradient = bottom.gradients.write(PLAIN).reshape(a.shape)
                self.kernels.scaled_difference(a, b, self.real(sign * scale), gradient)
