"""MultinomialLogisticLoss: the cross entropy of probabilities that are already there.

    loss = -1/N sum_i log(max(p_i[label_i], 1e-20))
    dp_ik = -w/N / max(p_ik, 1e-20) where k = label_i, else 0

p: (N, ...), labels: N of them -> loss: (). w is the loss weight. SoftmaxWithLoss is more exact than a Softmax in front
of this. Source: Caffe's multinomial_logistic_loss_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.loss.labelled_rows import LabelledRows
from netcli.layers.loss.labels import label_error
from netcli.layers.registry import register
from netcli.runtime.blob import PLAIN, Blob

_SMALLEST = 1e-20


@register("MultinomialLogisticLoss", v1="MULTINOMIAL_LOGISTIC_LOSS", bottoms=2, loss=True, undifferentiable=(1,))
class MultinomialLogisticLoss(LabelledRows):
    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """Raises RunError NC150 for a label that is no class."""
        probability, labels = self._rows(bottoms)
        total, wrong = self.kernels.multinomial_loss_forward(probability, labels, self.real(_SMALLEST))
        if wrong >= 0:
            raise label_error(self, labels, wrong, probability.shape[1])
        tops[0].values.write(PLAIN).fill(total / len(probability))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        probability, labels = self._rows(bottoms)
        scale = self.real(float(tops[0].gradients.read(PLAIN)) / len(probability))
        dx = bottoms[0].gradients.write(PLAIN).reshape(probability.shape)
        self.kernels.multinomial_loss_backward(probability, labels, self.real(_SMALLEST), scale, dx)
