"""OneVsAllLoss: every class on its own against all others, as in SphereFace2.

    loss = 1/N sum_i ( p log(1 + e^-x_i[label_i]) + (1 - p) sum over k != label_i of log(1 + e^x_ik) )
    dx_ik = w/N p (sigma(x_ik) - 1) for the label, w/N (1 - p) sigma(x_ik) for the others

x: (N, ...), labels: N of them -> loss: (). p is ``positive_weight``, w the loss weight. The paper's loss has a factor
1/s more, s being the scale of the scores: give it as ``loss_weight``. Source: Wen et al., "SphereFace2: binary
classification is all you need for deep face recognition", ICLR 2022.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.loss.labelled_rows import LabelledRows
from netcli.layers.loss.labels import label_error
from netcli.layers.registry import register
from netcli.runtime.blob import PLAIN, Blob, Shape


@register("OneVsAllLoss", param="one_vs_all_loss_param", bottoms=2, loss=True, undifferentiable=(1,))
class OneVsAllLoss(LabelledRows):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N, ...) and N labels -> (). Raises ConfigError as the other losses, NC121 for positive_weight."""
        weight = self.param.one_vs_all_loss_param.positive_weight
        if not 0 <= weight <= 1:
            raise self.error(
                "NC121", "positive_weight is out of range", "one_vs_all_loss_param", "positive_weight",
                expected="0 to 1", actual=f"{weight:g}",
            )  # fmt: skip
        self._positive = self.real(weight)
        return super().setup(bottom_shapes)

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """Raises RunError NC150 for a label that is no class."""
        x, labels = self._rows(bottoms)
        total, wrong = self.kernels.one_vs_all_forward(x, labels, self._positive)
        if wrong >= 0:
            raise label_error(self, labels, wrong, x.shape[1])
        tops[0].values.write(PLAIN).fill(total / len(x))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        x, labels = self._rows(bottoms)
        scale = self.real(float(tops[0].gradients.read(PLAIN)) / len(x))
        dx = bottoms[0].gradients.write(PLAIN).reshape(x.shape)
        self.kernels.one_vs_all_backward(x, labels, self._positive, scale, dx)
