"""InnerProduct: the fully connected layer.

    y[m, k] = b[k] + sum over d of w[k, d] x[m, d]

with m running over the axes before ``axis`` and d over ``axis`` and all after it, in C order. With ``normalize``, a
field of the AM-Softmax fork (happynear/caffe-windows), each row w[k] is first rescaled to length 1: in place in phase
TRAIN, and in a copy in TEST, where the fork also changes the weights. Backward takes the rescaled weights for what they
are and does not lead through the rescaling, as in the fork.

x: (M..., D...) -> y: (M..., num_output). Parameters: weights (num_output, D), or (D, num_output) with
``transpose``; bias (num_output,) unless ``bias_term`` is false. Source: Caffe's inner_product_layer.

It is computed as a convolution over the axes after ``axis`` whose one window is the whole input: the weights
of a Caffe blob (num_output, C H W) are those of a kernel (num_output, C, H, W), and no layout has to change
between a convolution and the inner product behind it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.convolution.lane_product import LaneProduct
from netcli.layers.convolution.windowed_product import Product, WindowedProduct
from netcli.layers.inner_product.few_rows import FewRows
from netcli.layers.inner_product.many_rows import ManyRows
from netcli.layers.layer import LayerContext
from netcli.layers.registry import register
from netcli.layers.windows import Windows
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
from netcli.runtime.blob import PLAIN, Blob, Shape

LEAST_SQUARED_LENGTH = 1e-12
"""Is added to the squared length of a row, so that a row of zeros stays one."""


@register("InnerProduct", v1="INNER_PRODUCT", param="inner_product_param")
class InnerProduct(WindowedProduct):
    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._work = Workspace(context.dtype)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(M..., D...) -> (M..., num_output).

        Raises:
            ConfigError: NC120 for a missing num_output, NC123 for the axis, NC126 for normalize with transpose.
        """
        settings = self.param.inner_product_param
        shape = bottom_shapes[0]
        axis = self.canonical_axis(settings.axis, len(shape), "inner_product_param", "axis")
        self._check_num_output(settings.num_output, "inner_product_param")
        if settings.normalize and settings.transpose:
            raise self.error("NC126", "normalize and transpose exclude each other", "inner_product_param", "normalize")
        features, outputs = math.prod(shape[axis:]), settings.num_output
        self._plan(
            axis=axis,
            windows=Windows.whole(shape[axis + 1 :]),
            channels=shape[axis],
            outputs=outputs,
            groups=1,
            weight_shape=(features, outputs) if settings.transpose else (outputs, features),
            settings=settings,
        )
        return [(*shape[:axis], outputs)]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        if self.param.inner_product_param.normalize:
            weights = self.params[0].values.update(PLAIN) if self.training else self._copied_weights()
            self.kernels.rescale_rows(weights, self.real(LEAST_SQUARED_LENGTH))
        super().forward(bottoms, tops)

    def gradient_exception(self, kind: str, index: int) -> str:
        if kind == "param" and index == 0 and self.param.inner_product_param.normalize:
            return "normalize: its gradient does not lead through the rescaling, as in the fork"
        return super().gradient_exception(kind, index)

    def _weights(self) -> np.ndarray:
        if self.param.inner_product_param.normalize and not self.training:
            return self._work.kept("rescaled", *self.params[0].shape)
        return super()._weights()

    def _copied_weights(self) -> np.ndarray:
        copy = self._weights()
        np.copyto(copy, self.params[0].values.read(PLAIN))
        return copy

    def _is_small(self, images: int) -> bool:
        return not self.param.inner_product_param.transpose and super()._is_small(images)

    def _small_product(self, images: int) -> Product:
        return FewRows()

    def _product_class(self, image_groups: int) -> type[LaneProduct]:
        return ManyRows

    def _small_method(self, images: int) -> str:
        return "few items, each weight read once"

    def _as_weights(self, plain: np.ndarray) -> np.ndarray:
        if not self.param.inner_product_param.transpose:
            return super()._as_weights(plain)
        windows, channels, outputs, _ = self.geometry
        return plain.reshape(channels, windows.taps, outputs).transpose(2, 0, 1)
