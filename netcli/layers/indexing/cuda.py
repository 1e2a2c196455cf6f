"""LabelSpecificAdd on a GPU. A label that is no class makes the scores of its item NaN, and so the loss."""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.cuda_form import CudaForm, cuda_form
from netcli.layers.indexing import cuda_kernels as kernels
from netcli.layers.indexing.label_specific_add import LabelSpecificAdd
from netcli.runtime.blob import CUDA, Blob
from netcli.runtime.cuda.kernel import blocks_for


@cuda_form("LabelSpecificAdd")
class LabelSpecificAddOnCuda(CudaForm):
    layer: LabelSpecificAdd

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        bias, (_, classes) = self.layer.param.label_specific_add_param.bias, self.layer.scores
        count, x, y = bottoms[0].count, bottoms[0].values.read(CUDA), tops[0].values.write(CUDA)
        if self.layer.training:
            labels = bottoms[1].values.read(CUDA)
            kernels.add_at_labels(blocks_for(count), x, labels, y, bias, count, classes)
        elif bottoms[0] is not tops[0]:
            y.copy_from(x)
        if len(tops) > 1:
            tops[1].values.write(CUDA).fill(bias)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if propagate_down[0] and bottoms[0] is not tops[0]:
            bottoms[0].gradients.write(CUDA).copy_from(tops[0].gradients.read(CUDA))
