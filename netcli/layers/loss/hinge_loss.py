"""HingeLoss: one class against each other one, with a margin of 1.

    m_ik = max(0, 1 + s_ik x_ik),  s_ik = -1 where k = label_i, else 1
    L1: loss = 1/N sum_ik m_ik,    dx_ik = w/N s_ik [m_ik > 0]
    L2: loss = 1/N sum_ik m_ik^2,  dx_ik = 2 w/N s_ik m_ik

x: (N, ...), labels: N of them -> loss: (). w is the loss weight. Source: Caffe's hinge_loss_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.loss.labelled_rows import LabelledRows
from netcli.layers.loss.labels import label_error
from netcli.layers.registry import register
from netcli.runtime.blob import PLAIN, Blob
from netcli.schema import caffe_pb2 as pb


@register("HingeLoss", v1="HINGE_LOSS", param="hinge_loss_param", bottoms=2, loss=True, undifferentiable=(1,))
class HingeLoss(LabelledRows):
    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """Raises RunError NC150 for a label that is no class."""
        x, labels = self._rows(bottoms)
        total, wrong = self.kernels.hinge_loss_forward(x, labels, self._squared)
        if wrong >= 0:
            raise label_error(self, labels, wrong, x.shape[1])
        tops[0].values.write(PLAIN).fill(total / len(x))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        x, labels = self._rows(bottoms)
        scale = self.real(float(tops[0].gradients.read(PLAIN)) / len(x))
        dx = bottoms[0].gradients.write(PLAIN).reshape(x.shape)
        self.kernels.hinge_loss_backward(x, labels, self._squared, scale, dx)

    @property
    def _squared(self) -> bool:
        return self.param.hinge_loss_param.norm == pb.HingeLossParameter.L2
