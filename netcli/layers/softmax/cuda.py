"""Softmax on a GPU."""

from __future__ import annotations

import math
from collections.abc import Sequence

from netcli.layers.cuda_form import CudaForm, cuda_form
from netcli.layers.softmax import cuda_kernels as kernels
from netcli.layers.softmax.softmax import Softmax
from netcli.runtime.blob import CUDA, Blob


@cuda_form("Softmax")
class SoftmaxOnCuda(CudaForm):
    layer: Softmax

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        rows, channels, inner = self._sizes(bottoms[0])
        x, y = bottoms[0].values.read(CUDA), tops[0].values.write(CUDA)
        kernels.softmax_forward(rows, x, y, self.scratch("normalisers", rows), channels, inner)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        rows, channels, inner = self._sizes(bottoms[0])
        y, dy = tops[0].values.read(CUDA), tops[0].gradients.read(CUDA)
        kernels.softmax_backward(rows, y, dy, bottoms[0].gradients.write(CUDA), channels, inner)

    def _sizes(self, bottom: Blob) -> tuple[int, int, int]:
        """Rows, channels, and how far one channel is from the next."""
        inner = math.prod(bottom.shape[self.layer.axis + 1 :])
        channels = bottom.shape[self.layer.axis]
        return bottom.count // channels, channels, inner
