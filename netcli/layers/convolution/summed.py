"""A convolution and the sum with another blob behind it, perhaps with a ReLU or PReLU behind that, as one step.

For passes that only go forward. Residual nets end each of their blocks so: the other blob is added to the convolution's
sums, and the result bent, before they are stored.
"""

from __future__ import annotations

import functools
from typing import cast

from netcli.layers.combine.eltwise import Eltwise
from netcli.layers.convolution.convolution import Convolution
from netcli.layers.convolution.made_of import MadeOf
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
        outputs = convolution.geometry[2]
        self._slopes = None if bend is None else MadeOf([bend], functools.partial(bend.channel_slopes, outputs))

    def suits(self, bottom_shape: Shape) -> bool:
        """Whether what computes the convolution of such a bottom adds."""
        return cast(BendingProduct, self._convolution.ready_for(bottom_shape).product).adds

    def forward(self, bottom: Blob, other: Blob, top: Blob) -> None:
        """From the bottom of the convolution to the top of the sum, whose other bottom is ``other``."""
        weights, bias, slopes = self._convolution.forward_parameters()
        assert slopes is None, "a ReLU before the sum"
        if self._slopes is not None:
            slopes = self._slopes.present()
        ready = self._convolution.ready_for(bottom.shape)
        x, added = ready.bottom_view.read(bottom.values), ready.top_view.read(other.values)
        y = ready.top_view.write(top.values)
        cast(BendingProduct, ready.product).forward(x, weights, bias, y, slopes, added)
