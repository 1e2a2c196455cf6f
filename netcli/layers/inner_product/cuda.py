"""InnerProduct on a GPU."""

from __future__ import annotations

import math
from collections.abc import Sequence

from netcli.layers.cuda_form import CudaForm, cuda_form
from netcli.layers.cuda_sum_kernels import VALUES
from netcli.layers.cuda_sums import ChannelForm, channel_sums
from netcli.layers.inner_product import cuda_kernels as kernels
from netcli.layers.inner_product.inner_product import LEAST_SQUARED_LENGTH, InnerProduct
from netcli.runtime.blob import CUDA, Blob
from netcli.runtime.cuda.memory import DeviceArray
from netcli.runtime.cuda.products import multiply


@cuda_form("InnerProduct")
class InnerProductOnCuda(CudaForm):
    layer: InnerProduct

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        layer = self.layer
        if layer.param.inner_product_param.normalize:
            self._rescale()
        bias = layer.params[1].values.read(CUDA) if len(layer.params) > 1 else None
        items, outputs, features = self._sizes(bottoms[0])
        multiply(
            bottoms[0].values.read(CUDA), self._weights(), tops[0].values.write(CUDA), (items, outputs, features),
            self.scratch, b_transposed=not self._transposed, bias=bias,
        )  # fmt: skip

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        layer = self.layer
        items, outputs, features = self._sizes(bottoms[0])
        dy = tops[0].gradients.read(CUDA)
        if layer.wants_gradient(0):
            x, gradient = bottoms[0].values.read(CUDA), layer.params[0].gradients.update(CUDA)
            left, right, shape = (dy, x, (outputs, features, items))
            if self._transposed:
                left, right, shape = x, dy, (features, outputs, items)
            multiply(left, right, gradient, shape, self.scratch, a_transposed=True, accumulate=True)
        if len(layer.params) > 1 and layer.wants_gradient(1):
            form = ChannelForm(items, outputs, 1)
            channel_sums(self, VALUES, dy, form, layer.params[1].gradients.update(CUDA), adds=True)
        if propagate_down[0]:
            multiply(
                dy, self._weights(), bottoms[0].gradients.write(CUDA), (items, features, outputs), self.scratch,
                b_transposed=self._transposed,
            )  # fmt: skip

    @property
    def _transposed(self) -> bool:
        """Whether the weights are (features, outputs)."""
        return self.layer.param.inner_product_param.transpose

    def _sizes(self, bottom: Blob) -> tuple[int, int, int]:
        """Items, outputs, features."""
        items = math.prod(bottom.shape[: self.layer.axis])
        return items, self.layer.geometry[2], bottom.count // items

    def _weights(self) -> DeviceArray:
        if self.layer.param.inner_product_param.normalize and not self.layer.training:
            return self.scratch("rescaled", self.layer.params[0].count)
        return self.layer.params[0].values.read(CUDA)

    def _rescale(self) -> None:
        """Brings the weights' rows to length 1: in place in TRAIN, in the copy that ``_weights`` gives in TEST."""
        params = self.layer.params[0]
        outputs, features = params.shape
        rows = params.values.update(CUDA) if self.layer.training else params.values.read(CUDA)
        rescaled = rows if self.layer.training else self._weights()
        kernels.rescale_rows(outputs, rows, rescaled, features, LEAST_SQUARED_LENGTH)
