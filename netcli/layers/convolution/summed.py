"""A convolution and the sum with another blob behind it, perhaps with a ReLU or PReLU behind that, as one step.

For passes that only go forward. Residual nets end each of their blocks so: the other blob is added to the convolution's
sums, and the result bent, before they are stored.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from netcli.layers.combine.eltwise import Eltwise
from netcli.layers.convolution.convolution import Convolution
from netcli.layers.convolution.windowed_product import BendingProduct
from netcli.layers.layer import Layer
from netcli.runtime.blob import Blob, Shape
from netcli.schema import caffe_pb2 as pb


def is_plain_sum(layer: Eltwise) -> bool:
    """Whether it adds up two blobs, neither of which is multiplied."""
    two = len(layer.param.bottom) == 2
    return two and layer.param.eltwise_param.operation == pb.EltwiseParameter.SUM and set(layer.coefficients) == {1}


class SummedConvolution:
    """``convolution``, of one bottom and one top, a plain sum behind it and ``bend``, if any, a layer with slopes."""

    def __init__(self, convolution: Convolution, bend: Layer | None) -> None:
        self._convolution = convolution
        self._bend = bend
        self._slopes: np.ndarray | None = None
        self._made_of: list[int | None] = []

    def suits(self, bottom_shape: Shape) -> bool:
        """Whether what computes the convolution of such a bottom adds."""
        return cast(BendingProduct, self._convolution.product_for(bottom_shape)).adds

    def forward(self, bottom: Blob, other: Blob, top: Blob) -> None:
        """From the bottom of the convolution to the top of the sum, whose other bottom is ``other``."""
        weights, bias, slopes = self._convolution.forward_parameters()
        assert slopes is None, "a ReLU before the sum"
        product, x_view, y_view = self._convolution.product_and_views(bottom.shape)
        x, added = x_view.read(bottom.values), y_view.read(other.values)
        y = y_view.write(top.values)
        cast(BendingProduct, product).forward(x, weights, bias, y, self._present_slopes(len(weights)), added)

    def _present_slopes(self, outputs: int) -> np.ndarray | None:
        """Those of the layer behind the sum, made anew where its parameters have changed."""
        if self._bend is None:
            return None
        stamps = [blob.values.stamp for blob in self._bend.params]
        if self._slopes is None or stamps != self._made_of or None in stamps:
            self._slopes, self._made_of = self._bend.channel_slopes(outputs), stamps
        return self._slopes
