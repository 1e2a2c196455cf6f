"""What a convolution's product does on the device, and who does it."""

from __future__ import annotations

from typing import Protocol

from netcli.layers.convolution.windowed_product import WindowedProduct
from netcli.runtime.cuda import engine
from netcli.runtime.cuda.engine import Engine
from netcli.runtime.cuda.gemm import Scratch
from netcli.runtime.cuda.memory import DeviceArray
from netcli.schema import caffe_pb2 as pb


class Product(Protocol):
    """The product of one geometry for any number of images; arrays are flat and plain."""

    def forward(
        self, images: int, x: DeviceArray, weights: DeviceArray, bias: DeviceArray | None, y: DeviceArray
    ) -> None:
        """Writes y (images, outputs, positions); ``bias`` has a value for each output, or is None."""

    def backward_data(
        self, images: int, dy: DeviceArray, weights: DeviceArray, bias: DeviceArray | None, dx: DeviceArray
    ) -> None:
        """Writes dx (images, channels, positions); ``bias``, of a transposed layer, has a value for each channel."""

    def backward_weights(self, images: int, x: DeviceArray, dy: DeviceArray, gradient: DeviceArray) -> None:
        """Adds to ``gradient`` (outputs, channels / groups, taps)."""


def product_of(layer: WindowedProduct, scratch: Scratch) -> Product:
    """The product of ``layer`` by the engine in use; with ``engine: CAFFE`` not by cuDNN.

    Depthwise convolutions are the own kernels' where the alternative is a product of matrices for each channel.
    """
    chosen, (_, channels, outputs, groups) = engine.chosen().engine, layer.geometry
    if chosen is Engine.CUDNN and layer.param.convolution_param.engine == pb.ConvolutionParameter.CAFFE:
        chosen = Engine.CUBLAS
    if chosen is Engine.CUDNN:
        from netcli.layers.convolution.cuda.dnn import DnnProduct

        return DnnProduct(*layer.geometry, scratch)
    is_depthwise = groups > 1 and groups in (channels, outputs)
    if chosen is Engine.CUBLAS and not is_depthwise:
        from netcli.layers.convolution.cuda.columns import ColumnsProduct

        return ColumnsProduct(*layer.geometry, scratch)
    from netcli.layers.convolution.cuda.own import OwnProduct

    return OwnProduct(*layer.geometry, scratch)
