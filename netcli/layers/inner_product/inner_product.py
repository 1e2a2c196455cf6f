"""InnerProduct: the fully connected layer.

    y[m, k] = b[k] + sum over d of w[k, d] x[m, d]

with m running over the axes before ``axis`` and d over ``axis`` and all after it, in C order.

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

from netcli.layers.convolution.windowed_product import WindowedProduct
from netcli.layers.registry import register
from netcli.layers.windows import Windows
from netcli.runtime.blob import Shape


@register("InnerProduct", v1="INNER_PRODUCT", param="inner_product_param")
class InnerProduct(WindowedProduct):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(M..., D...) -> (M..., num_output). Raises ConfigError NC120 for a missing num_output, NC123 for the axis."""
        settings = self.param.inner_product_param
        shape = bottom_shapes[0]
        axis = self.canonical_axis(settings.axis, len(shape), "inner_product_param", "axis")
        self._check_num_output(settings.num_output, "inner_product_param")
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

    def _as_weights(self, plain: np.ndarray) -> np.ndarray:
        if not self.param.inner_product_param.transpose:
            return super()._as_weights(plain)
        windows, channels, outputs, _ = self._geometry
        return plain.reshape(channels, windows.taps, outputs).transpose(2, 0, 1)
