"""The losses over distances on a GPU."""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.cuda_form import cuda_form
from netcli.layers.distance import cuda_kernels as kernels
from netcli.layers.distance.euclidean_loss import EuclideanLoss
from netcli.layers.loss.cuda_sums import LossOnCuda
from netcli.runtime.blob import CUDA, Blob
from netcli.runtime.cuda.kernel import blocks_for
from netcli.runtime.cuda.rows import ROW_BLOCK

_BLOCKS = 256


@cuda_form("EuclideanLoss")
class EuclideanLossOnCuda(LossOnCuda):
    layer: EuclideanLoss

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        count = bottoms[0].count
        a, b = (bottom.values.read(CUDA) for bottom in bottoms)
        blocks = min(_BLOCKS, blocks_for(count, ROW_BLOCK))
        kernels.squared_distance(blocks, a, b, *self.item_losses(blocks), count)
        self.finish(blocks, 2 * bottoms[0].shape[0], tops[0])

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        count, items = bottoms[0].count, bottoms[0].shape[0]
        a, b = (bottom.values.read(CUDA) for bottom in bottoms)
        dy = tops[0].gradients.read(CUDA)
        for bottom, wanted, sign in zip(bottoms, propagate_down, (1, -1), strict=True):
            if wanted:
                kernels.scaled_difference(
                    blocks_for(count), a, b, dy, bottom.gradients.write(CUDA), count, sign / items
                )
