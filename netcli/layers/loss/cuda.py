"""The losses on a GPU. A label that is no class makes the loss NaN.

Where several processes share a batch and count what is valid over all of it, the loss is the CPU's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.cuda_form import cuda_form
from netcli.layers.layer import Layer
from netcli.layers.loss import cuda_kernels as kernels
from netcli.layers.loss.cuda_sums import LossOnCuda, fixed_normaliser, label_to_ignore
from netcli.layers.loss.hinge_loss import HingeLoss
from netcli.layers.loss.infogain_loss import InfogainLoss
from netcli.layers.loss.labels import NO_LABEL
from netcli.layers.loss.multinomial_logistic_loss import MultinomialLogisticLoss
from netcli.layers.loss.sigmoid_cross_entropy_loss import SigmoidCrossEntropyLoss
from netcli.layers.loss.softmax_with_loss import SoftmaxWithLoss
from netcli.layers.softmax.cuda_kernels import softmax_forward
from netcli.runtime.blob import CUDA, Blob
from netcli.runtime.cuda.kernel import blocks_for
from netcli.runtime.cuda.memory import DeviceArray, device_array
from netcli.runtime.cuda.rows import ROW_BLOCK
from netcli.schema import caffe_pb2 as pb

_FLT_MIN = float(np.finfo(np.float32).tiny)
_LARGEST_COST = -math.log(1e-20)
_LEAST_PROBABILITY = 1e-20
_SIGMOID_BLOCKS = 256


class SoftmaxLossOnCuda(LossOnCuda):
    """Base of the losses over a softmax."""

    layer: SoftmaxWithLoss | InfogainLoss

    @classmethod
    def suits(cls, layer: Layer) -> bool:
        assert isinstance(layer, SoftmaxWithLoss | InfogainLoss)
        leaves_out = layer.ignored != NO_LABEL or getattr(layer, "has_targets", False)
        return not layer.counting_share(leaves_out).divided

    def _softmax(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> DeviceArray:
        """Writes the probabilities, and the logarithms of their normalisers into scratch; returns the scores."""
        items, classes, inner = self._sizes(bottoms[0])
        x = bottoms[0].values.read(CUDA)
        probability = self._probability(bottoms[0], tops, made=True)
        softmax_forward(items, x, probability, self._log_normalisers(items), classes, inner)
        return x

    def _probability(self, bottom: Blob, tops: Sequence[Blob], *, made: bool = False) -> DeviceArray:
        """Where p stands, in the second top if there is one; ``made`` if it is to be written."""
        if len(tops) > 1:
            return tops[1].values.write(CUDA) if made else tops[1].values.read(CUDA)
        return self.scratch("probability", bottom.count)

    def _log_normalisers(self, items: int) -> DeviceArray:
        return self.scratch("log normalisers", items)

    def _sizes(self, bottom: Blob) -> tuple[int, int, int]:
        """Items, classes, and how far one class is from the next."""
        axis = self.layer.axis
        return bottom.count // bottom.shape[axis], bottom.shape[axis], math.prod(bottom.shape[axis + 1 :])

    def _finish(self, bottom: Blob, top: Blob) -> None:
        items, _, _ = self._sizes(bottom)
        outer = math.prod(bottom.shape[: self.layer.axis])
        self.finish(items, fixed_normaliser(self.layer.mode, outer=outer, items=items), top)

    def _target_losses(
        self, bottom: Blob, x: DeviceArray, targets: DeviceArray, counts: DeviceArray, smoothing: float, most: float
    ) -> None:
        items, classes, inner = self._sizes(bottom)
        losses, _ = self.item_losses(items)
        kernels.target_losses(
            items, x, self._log_normalisers(items), targets, losses, counts, self._masses(items), classes, inner,
            smoothing, most,
        )  # fmt: skip

    def _target_gradients(self, tops: Sequence[Blob], bottom: Blob, targets: DeviceArray, smoothing: float) -> None:
        items, classes, inner = self._sizes(bottom)
        kernels.target_gradients(
            blocks_for(bottom.count), self._probability(bottom, tops), targets, self._masses(items),
            tops[0].gradients.read(CUDA), self.normaliser, bottom.gradients.write(CUDA), bottom.count, classes, inner,
            smoothing,
        )  # fmt: skip

    def _masses(self, items: int) -> DeviceArray:
        """The sum of each item's targets, from forward to backward."""
        return self.scratch("masses", items)


@cuda_form("SoftmaxWithLoss")
class SoftmaxWithLossOnCuda(SoftmaxLossOnCuda):
    layer: SoftmaxWithLoss

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        x, smoothing = self._softmax(bottoms, tops), float(self.layer.smoothing)
        given = bottoms[1].values.read(CUDA)
        if self.layer.has_targets:
            _, counts = self.item_losses(self._sizes(bottoms[0])[0])
            self._target_losses(bottoms[0], x, given, counts, smoothing, math.inf)
        else:
            items, classes, inner = self._sizes(bottoms[0])
            kernels.label_losses(
                items, x, self._probability(bottoms[0], tops), self._log_normalisers(items), given,
                *self.item_losses(items), items, classes, inner, *label_to_ignore(self.layer.ignored), _FLT_MIN,
                smoothing,
            )  # fmt: skip
        self._finish(bottoms[0], tops[0])

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        bottom, given, smoothing = bottoms[0], bottoms[1].values.read(CUDA), float(self.layer.smoothing)
        if self.layer.has_targets:
            self._target_gradients(tops, bottom, given, smoothing)
            return
        _, classes, inner = self._sizes(bottom)
        kernels.label_gradients(
            blocks_for(bottom.count), self._probability(bottom, tops), given, tops[0].gradients.read(CUDA),
            self.normaliser, bottom.gradients.write(CUDA), bottom.count, classes, inner,
            *label_to_ignore(self.layer.ignored), smoothing,
        )  # fmt: skip


@cuda_form("InfogainLoss")
class InfogainLossOnCuda(SoftmaxLossOnCuda):
    layer: InfogainLoss
    _stored: DeviceArray | None = None

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        x = self._softmax(bottoms, tops)
        # An item counts for its label, whatever stands in its row of H.
        not_used = self.scratch("items with targets", self._sizes(bottoms[0])[0], np.int32)
        self._target_losses(bottoms[0], x, self._targets(bottoms), not_used, 0, _LARGEST_COST)
        self._finish(bottoms[0], tops[0])

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if propagate_down[0]:
            self._target_gradients(tops, bottoms[0], self._targets(bottoms), 0)

    def _targets(self, bottoms: Sequence[Blob]) -> DeviceArray:
        """The row of H that belongs to each item."""
        items, classes, inner = self._sizes(bottoms[0])
        count = bottoms[0].count
        targets = self.scratch("targets", count)
        _, counts = self.item_losses(items)
        kernels.rows_of_labels(
            blocks_for(count), bottoms[1].values.read(CUDA), self._matrix(bottoms), targets, counts, count, classes,
            inner, *label_to_ignore(self.layer.ignored),
        )  # fmt: skip
        return targets

    def _matrix(self, bottoms: Sequence[Blob]) -> DeviceArray:
        """H, from the bottom or from the file."""
        if len(bottoms) == 3:
            return bottoms[2].values.read(CUDA)
        if self._stored is None:
            classes = bottoms[0].shape[self.layer.axis]
            self._stored = device_array(self.layer.stored_matrix(classes).reshape(-1))
        return self._stored


@cuda_form("SigmoidCrossEntropyLoss")
class SigmoidCrossEntropyLossOnCuda(LossOnCuda):
    layer: SigmoidCrossEntropyLoss

    @classmethod
    def suits(cls, layer: Layer) -> bool:
        assert isinstance(layer, SigmoidCrossEntropyLoss)
        return not layer.counting_share(layer.ignored != NO_LABEL).divided

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        count, outer = bottoms[0].count, bottoms[0].shape[0]
        blocks = min(_SIGMOID_BLOCKS, blocks_for(count, ROW_BLOCK))
        kernels.sigmoid_losses(
            blocks, *self._given(bottoms), *self.item_losses(blocks), count, *label_to_ignore(self.layer.ignored),
            len(bottoms) - 2,
        )  # fmt: skip
        self.finish(blocks, fixed_normaliser(self.layer.mode, outer=outer, items=count), tops[0])

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        count = bottoms[0].count
        kernels.sigmoid_gradients(
            blocks_for(count), *self._given(bottoms), tops[0].gradients.read(CUDA), self.normaliser,
            bottoms[0].gradients.write(CUDA), count, *label_to_ignore(self.layer.ignored), len(bottoms) - 2,
        )  # fmt: skip

    @staticmethod
    def _given(bottoms: Sequence[Blob]) -> tuple[DeviceArray, DeviceArray, DeviceArray]:
        """Scores, targets and weights; without weights anything in their place."""
        return bottoms[0].values.read(CUDA), bottoms[1].values.read(CUDA), bottoms[-1].values.read(CUDA)


class LabelledRowsOnCuda(LossOnCuda):
    """Base of the losses for which all values of an example are the scores of one label."""

    @staticmethod
    def sizes(bottom: Blob) -> tuple[int, int]:
        """Items and classes."""
        return bottom.shape[0], bottom.count // bottom.shape[0]


@cuda_form("HingeLoss")
class HingeLossOnCuda(LabelledRowsOnCuda):
    layer: HingeLoss

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        items, classes = self.sizes(bottoms[0])
        x, labels = (bottom.values.read(CUDA) for bottom in bottoms)
        kernels.hinge_losses(items, x, labels, *self.item_losses(items), classes, self._squared)
        self.finish(items, items, tops[0])

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if propagate_down[0]:
            count, (_, classes) = bottoms[0].count, self.sizes(bottoms[0])
            x, labels = (bottom.values.read(CUDA) for bottom in bottoms)
            dy, dx = tops[0].gradients.read(CUDA), bottoms[0].gradients.write(CUDA)
            kernels.hinge_gradients(blocks_for(count), x, labels, dy, dx, count, classes, self._squared)

    @property
    def _squared(self) -> int:
        return int(self.layer.param.hinge_loss_param.norm == pb.HingeLossParameter.L2)


@cuda_form("MultinomialLogisticLoss")
class MultinomialLogisticLossOnCuda(LabelledRowsOnCuda):
    layer: MultinomialLogisticLoss

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        items, classes = self.sizes(bottoms[0])
        p, labels = (bottom.values.read(CUDA) for bottom in bottoms)
        room = self.item_losses(items)
        kernels.multinomial_losses(blocks_for(items), p, labels, *room, items, classes, _LEAST_PROBABILITY)
        self.finish(items, items, tops[0])

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if propagate_down[0]:
            count, (_, classes) = bottoms[0].count, self.sizes(bottoms[0])
            p, labels = (bottom.values.read(CUDA) for bottom in bottoms)
            dy, dx = tops[0].gradients.read(CUDA), bottoms[0].gradients.write(CUDA)
            kernels.multinomial_gradients(blocks_for(count), p, labels, dy, dx, count, classes, _LEAST_PROBABILITY)
