"""Convolution and its kin on a GPU."""

from __future__ import annotations

import math
from collections.abc import Sequence

from netcli.layers.convolution.cuda.product import Product, product_of
from netcli.layers.convolution.windowed_product import Geometry, WindowedProduct
from netcli.layers.cuda_form import CudaForm, cuda_form
from netcli.layers.cuda_sum_kernels import VALUES
from netcli.layers.cuda_sums import ChannelForm, channel_sums
from netcli.runtime.blob import CUDA, Blob


@cuda_form("Convolution", "Deconvolution", "ConvolutionDepthwise", "DepthwiseConvolution")
class WindowedProductOnCuda(CudaForm):
    """A deconvolution's forward pass is the data gradient of the convolution that its geometry describes."""

    layer: WindowedProduct
    _product: tuple[Geometry, Product] | None = None

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        params, product = self.layer.params, self._product_now()
        weights = params[0].values.read(CUDA)
        bias = params[1].values.read(CUDA) if len(params) > 1 else None
        run = product.backward_data if self.layer.transposed else product.forward
        for bottom, top in zip(bottoms, tops, strict=True):
            run(self._images(bottom), bottom.values.read(CUDA), weights, bias, top.values.write(CUDA))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        layer, product = self.layer, self._product_now()
        weights = layer.params[0].values.read(CUDA)
        run = product.forward if layer.transposed else product.backward_data
        for top, wanted, bottom in zip(tops, propagate_down, bottoms, strict=True):
            images, dy = self._images(bottom), top.gradients.read(CUDA)
            if layer.wants_gradient(0):
                windows, seen = bottom.values.read(CUDA), dy
                if layer.transposed:
                    windows, seen = seen, windows
                product.backward_weights(images, windows, seen, layer.params[0].gradients.update(CUDA))
            if len(layer.params) > 1 and layer.wants_gradient(1):
                form = ChannelForm.along(top.shape, layer.axis)
                channel_sums(self, VALUES, dy, form, layer.params[1].gradients.update(CUDA), adds=True)
            if wanted:
                run(images, dy, weights, None, bottom.gradients.write(CUDA))

    def _images(self, bottom: Blob) -> int:
        return math.prod(bottom.shape[: self.layer.axis])

    def _product_now(self) -> Product:
        """What computes the layer's present geometry."""
        geometry = self.layer.geometry
        if self._product is None or self._product[0] != geometry:
            self._product = (geometry, product_of(self.layer, self.scratch))
        return self._product[1]
