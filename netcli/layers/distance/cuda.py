"""The losses over distances on a GPU."""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.cuda_form import cuda_form
from netcli.layers.distance import cuda_kernels as kernels
from netcli.layers.distance.center_loss import CenterLoss
from netcli.layers.distance.contrastive_loss import ContrastiveLoss
from netcli.layers.distance.euclidean_loss import EuclideanLoss
from netcli.layers.layer import Layer
from netcli.layers.loss.cuda_sums import LossOnCuda
from netcli.runtime.blob import CUDA, Blob
from netcli.runtime.cuda.kernel import blocks_for
from netcli.runtime.cuda.memory import DeviceArray
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


@cuda_form("ContrastiveLoss")
class ContrastiveLossOnCuda(LossOnCuda):
    layer: ContrastiveLoss

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        items, features = self._sizes(bottoms[0])
        arrays = (bottom.values.read(CUDA) for bottom in bottoms)
        kernels.contrastive_losses(
            items, *arrays, self._distances(items), *self.item_losses(items), features, *self._settings
        )
        self.finish(items, 2 * items, tops[0])

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        (items, features), count = self._sizes(bottoms[0]), bottoms[0].count
        arrays = [bottom.values.read(CUDA) for bottom in bottoms]
        dy = tops[0].gradients.read(CUDA)
        for bottom, wanted, sign in zip(bottoms[:2], propagate_down[:2], (1, -1), strict=True):
            if wanted:
                kernels.contrastive_gradients(
                    blocks_for(count), *arrays, self._distances(items), dy, bottom.gradients.write(CUDA), count,
                    features, *self._settings, sign / items,
                )  # fmt: skip

    @staticmethod
    def _sizes(bottom: Blob) -> tuple[int, int]:
        return bottom.shape[0], bottom.count // bottom.shape[0]

    def _distances(self, items: int) -> DeviceArray:
        """The squared ones of the pairs, from forward to backward."""
        return self.scratch("distances", items)

    @property
    def _settings(self) -> tuple[float, int]:
        settings = self.layer.param.contrastive_loss_param
        return settings.margin, int(settings.legacy_version)


@cuda_form("CenterLoss")
class CenterLossOnCuda(LossOnCuda):
    layer: CenterLoss

    @classmethod
    def suits(cls, layer: Layer) -> bool:
        """Items of a class are counted over the whole batch."""
        return not layer.context.share.divided

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        items, classes, features = self._sizes(bottoms[0])
        x, labels, centers = self._arrays(bottoms)
        kernels.center_losses(items, x, labels, centers, *self.item_losses(items), classes, features)
        self.finish(items, 2 * items, tops[0])

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        items, classes, features = self._sizes(bottoms[0])
        x, labels, centers = self._arrays(bottoms)
        gradient = self.layer.params[0].gradients.update(CUDA)
        kernels.add_center_updates(classes, x, labels, centers, gradient, items, classes, features)
        if propagate_down[0]:
            dy, dx, count = tops[0].gradients.read(CUDA), bottoms[0].gradients.write(CUDA), bottoms[0].count
            kernels.center_gradients(blocks_for(count), x, labels, centers, dy, dx, count, classes, features, 1 / items)

    def _sizes(self, bottom: Blob) -> tuple[int, int, int]:
        """Items, classes, features."""
        classes, features = self.layer.params[0].shape
        return bottom.count // features, classes, features

    def _arrays(self, bottoms: Sequence[Blob]) -> tuple[DeviceArray, DeviceArray, DeviceArray]:
        """Features, labels, centres."""
        return bottoms[0].values.read(CUDA), bottoms[1].values.read(CUDA), self.layer.params[0].values.read(CUDA)
