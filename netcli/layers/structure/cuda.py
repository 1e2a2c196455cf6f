"""The structure layers on a GPU."""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.cuda_form import CudaForm, cuda_form
from netcli.layers.structure import cuda_kernels as kernels
from netcli.runtime.blob import CUDA, Blob
from netcli.runtime.cuda.kernel import blocks_for


@cuda_form("Split")
class SplitOnCuda(CudaForm):
    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """The tops share the bottom's array, as they do on the CPU, once it is on the device."""
        bottoms[0].values.read(CUDA)
        self.layer.forward(bottoms, tops)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        count, dx = bottoms[0].count, bottoms[0].gradients.write(CUDA)
        first = tops[0].gradients.read(CUDA)
        if len(tops) == 1:
            dx.copy_from(first)
        for top in tops[1:]:
            kernels.add(blocks_for(count), first, top.gradients.read(CUDA), dx, count)
            first = dx


@cuda_form("Silence")
class SilenceOnCuda(CudaForm):
    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """Nothing to do."""

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        for bottom, wanted in zip(bottoms, propagate_down, strict=True):
            if wanted:
                bottom.gradients.write(CUDA).fill(0)
