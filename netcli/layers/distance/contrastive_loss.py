"""ContrastiveLoss: pulls similar pairs together and pushes others apart, as far as a margin.

    d = |a_i - b_i|
    loss = 1/(2 N) sum_i  d^2                          if pair i is similar
                          max(margin - d, 0)^2         if not
                          max(margin - d^2, 0)         if not, with legacy_version

a, b: (N, C), similar: N of them, 0 for pairs that are not -> loss: (). The gradient of the second line has d + 1e-4
for d, as in Caffe, so that it is finite at d = 0. Source: Caffe's contrastive_loss_layer; Hadsell et al.,
"Dimensionality reduction by learning an invariant mapping", CVPR 2006.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from netcli.layers.layer import Layer, LayerContext
from netcli.layers.registry import register
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
from netcli.runtime.blob import PLAIN, Blob, Shape


@register(
    "ContrastiveLoss",
    v1="CONTRASTIVE_LOSS",
    param="contrastive_loss_param",
    bottoms=3,
    loss=True,
    undifferentiable=(2,),
    gradient_error=1e-3,
)
class ContrastiveLoss(Layer):
    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._workspace = Workspace(context.dtype)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N, C) or (N, C, 1, 1) twice, and N values -> ().

        Raises:
            ConfigError: NC122 for a shape that is no batch of vectors, NC124 for shapes that do not agree, NC125 for
                another number of labels.
        """
        a, b, similar = bottom_shapes
        if len(a) < 2 or math.prod(a[2:]) != 1:
            raise self.error("NC122", "not a batch of vectors", "bottom", 0, expected="(N, C)", actual=a)
        if math.prod(b) != math.prod(a) or b[:2] != a[:2]:
            raise self.error("NC124", "the bottoms must have one shape", "bottom", 1, expected=a, actual=b)
        if math.prod(similar) != a[0]:
            raise self.error("NC125", "one label for each pair is needed", "bottom", 2, expected=a[0], actual=similar)
        settings = self.param.contrastive_loss_param
        self._margin, self._legacy = self.real(settings.margin), settings.legacy_version
        return [()]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        items = bottoms[0].shape[0]
        a, b, similar = (bottom.values.read(PLAIN).reshape(items, -1) for bottom in bottoms)
        distances = self._workspace.kept("distances", items)
        self.kernels.squared_distances(a, b, distances)
        total = self.kernels.contrastive_loss_forward(distances, similar.reshape(-1), self._margin, self._legacy)
        tops[0].values.write(PLAIN).fill(total / (2 * items))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        items = bottoms[0].shape[0]
        a, b, similar = (bottom.values.read(PLAIN).reshape(items, -1) for bottom in bottoms)
        distances = self._workspace.kept("distances", items)
        scale = float(tops[0].gradients.read(PLAIN)) / items
        for bottom, wanted, sign in zip(bottoms[:2], propagate_down[:2], (1, -1), strict=True):
            if wanted:
                gradient = bottom.gradients.write(PLAIN).reshape(a.shape)
                signed = self.real(sign * scale)
                self.kernels.contrastive_loss_backward(
                    a, b, distances, similar.reshape(-1), self._margin, self._legacy, signed, gradient
                )
