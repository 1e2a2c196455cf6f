"""MVN: each channel of each image to mean 0 and, with ``normalize_variance``, to deviation 1.

    y = (x - mu) / d,  d = sqrt(mean of (x - mu)^2) + eps, or 1 without ``normalize_variance``
    dx = (dy - mean(dy) - y mean(y dy)) / d, or dy - mean(dy)

with the means over one channel of one image, or over a whole image with ``across_channels``. The gradient is
Caffe's: it takes y mean(y dy) where the true one has (d / (d - eps)) y mean(y dy), the same but for eps.

x: (N, C, ...) -> y: the same. Source: Caffe's mvn_layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.kept_input import KeptInput
from netcli.layers.layer import Layer, LayerContext
from netcli.layers.registry import register
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
from netcli.runtime.blob import PLAIN, Blob, Shape

_NEGLIGIBLE_EPS = 1e-6
"""An eps up to this leaves Caffe's gradient the true one but for rounding."""


@register("MVN", v1="MVN", param="mvn_param", in_place=True)
class MVN(Layer):
    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._input = KeptInput(self)
        self._work = Workspace(context.dtype)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N, C, ...) -> the same. Raises ConfigError NC122 for a bottom without axes."""
        shape = bottom_shapes[0]
        if not shape:
            raise self.error("NC122", "the bottom has no axes", "bottom", 0, expected="(N, C, ...)", actual=shape)
        self.rows = math.prod(shape[:1] if self.param.mvn_param.across_channels else shape[:2])
        self.eps = self.real(self.param.mvn_param.eps)
        return [shape]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        x = self._by_row(self._input.keep(bottoms[0], tops[0], PLAIN))
        y = self._by_row(tops[0].values.write(PLAIN))
        self.kernels.mvn_forward(x, self.eps, self.param.mvn_param.normalize_variance, *self._statistics(), y)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        x = self._by_row(self._input.values(bottoms[0], tops[0]).read(PLAIN))
        dy = self._by_row(tops[0].gradients.read(PLAIN))
        dx = self._by_row(bottoms[0].gradients.write(PLAIN))
        self.kernels.mvn_backward(x, dy, self.param.mvn_param.normalize_variance, *self._statistics(), dx)

    def kept_shapes(self, bottom_shapes: Sequence[Shape], top_shapes: Sequence[Shape]) -> list[Shape]:
        return self._input.shapes(bottom_shapes)

    def gradient_exception(self, kind: str, index: int) -> str:
        settings = self.param.mvn_param
        if settings.normalize_variance and settings.eps > _NEGLIGIBLE_EPS:
            return "Caffe's gradient takes eps for part of the deviation"
        return ""

    def _by_row(self, array: np.ndarray) -> np.ndarray:
        return array.reshape(self.rows, -1)

    def _statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Means and divisors of the rows, as ``forward`` leaves them."""
        return self._work.kept("mean", self.rows), self._work.kept("divisor", self.rows)
