"""The layers that make few values of many, on a GPU."""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.cuda_form import CudaForm, cuda_form
from netcli.layers.cuda_sum_kernels import ABSOLUTE_VALUES, SQUARES, VALUES
from netcli.layers.cuda_sums import ChannelForm, channel_sums
from netcli.layers.reduction import cuda_kernels as kernels
from netcli.layers.reduction.reduction import Reduction
from netcli.runtime.blob import CUDA, Blob
from netcli.runtime.cuda.kernel import blocks_for
from netcli.schema import caffe_pb2 as pb

_Operation = pb.ReductionParameter
_KINDS = {
    _Operation.SUM: VALUES, _Operation.MEAN: VALUES, _Operation.ASUM: ABSOLUTE_VALUES, _Operation.SUMSQ: SQUARES
}  # fmt: skip


@cuda_form("Reduction")
class ReductionOnCuda(CudaForm):
    layer: Reduction

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        x, y = bottoms[0].values.read(CUDA), tops[0].values.write(CUDA)
        channel_sums(self, self._kind(), x, ChannelForm.rows(*self.layer.form), y, factor=float(self.layer.factor))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        count, (_, length) = bottoms[0].count, self.layer.form
        x, dy, dx = bottoms[0].values.read(CUDA), tops[0].gradients.read(CUDA), bottoms[0].gradients.write(CUDA)
        kernels.reduction_backward(blocks_for(count), x, dy, self._kind(), self.layer.factor, dx, count, length)

    def _kind(self) -> int:
        return _KINDS[self.layer.param.reduction_param.operation]
