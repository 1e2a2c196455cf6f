"""SoftmaxWithLoss: the cross entropy between a softmax and labels, or targets.

    p = softmax(x) along the axis
    loss = -1/Z sum_i sum_k S_ik log p_ik,  dx_ik = w/Z (p_ik sum_j S_ij - S_ik)

With labels, one for each item, S is 1 at the label and 0 elsewhere, or all 0 for items that are ignored:

    loss = -1/Z sum_i log(max(p_i[label_i], FLT_MIN)),  dx_ik = w/Z (p_ik - [k = label_i])

x: (N, K, ...) and labels, e.g. (N,) or (N, 1, H, W), or targets S of the shape of x, which is netcli's extension
-> loss: (), and on request p like x. Z is the normaliser (see ``normalisation``), w the loss weight, which the net
leaves in the top's gradient. The clamp at FLT_MIN is Caffe's: a loss of 87.3365 means that the probability has
underflowed. With targets, and with ``label_smoothing`` (see ``smoothing``), nothing underflows, and nothing is clamped.
Items whose targets are all 0 are the ignored ones. Source: Caffe's softmax_loss_layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.channel_form import row_scratch
from netcli.layers.loss.labels import NO_LABEL, check_label_count, label_error
from netcli.layers.loss.normalisation import normalisation_mode, normaliser
from netcli.layers.loss.smoothing import label_smoothing
from netcli.layers.loss.softmax_loss import SoftmaxLoss
from netcli.layers.registry import register
from netcli.runtime.blob import PLAIN, Blob, Shape

_FLT_MIN = float(np.finfo(np.float32).tiny)


@register(
    "SoftmaxWithLoss",
    v1="SOFTMAX_LOSS",
    param="softmax_param",
    bottoms=2,
    tops=(1, 2),
    loss=True,
    undifferentiable=(1,),
    reads=("loss_param",),
)
class SoftmaxWithLoss(SoftmaxLoss):
    """Reads ``softmax_param`` (axis) and ``loss_param`` (ignore_label, normalization, label_smoothing)."""

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """Predictions and labels or targets -> () and, for a second top, the predictions' shape.

        Raises:
            ConfigError: NC121 for label_smoothing out of range, NC123 for an axis out of range, NC125 for labels
                that do not match, NC126 for ignore_label with targets.
        """
        shape, label_shape = bottom_shapes
        loss_param = self.param.loss_param
        self.axis = self.canonical_axis(self.param.softmax_param.axis, len(shape), "softmax_param", "axis")
        self.has_targets = shape[self.axis] > 1 and _without_trailing_ones(shape) == _without_trailing_ones(label_shape)
        if not self.has_targets:
            check_label_count(self, shape, self.axis, label_shape)
        elif loss_param.HasField("ignore_label"):
            raise self.error(
                "NC126",
                "targets have no label that could be ignored",
                "loss_param",
                "ignore_label",
                hint="an item whose targets are all 0 counts for nothing",
            )
        self.mode = normalisation_mode(loss_param)
        self.ignored = loss_param.ignore_label if loss_param.HasField("ignore_label") else NO_LABEL
        self.smoothing = self.real(label_smoothing(self))
        return [(), shape][: max(1, len(self.param.top))]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """Raises RunError NC150 for a label that is neither a class nor ignored."""
        x, probability = self._softmax(bottoms[0], tops)
        if self.has_targets:
            targets = self._form(bottoms[1].values.read(self._place))
            total, valid = self.kernels.target_loss_forward(
                x, probability, targets, self._lanes_in_use(x), self.smoothing, self.real(math.inf)
            )
        else:
            labels = bottoms[1].values.read(PLAIN).reshape(-1)
            total, valid, wrong = self.kernels.softmax_loss_forward(
                x, probability, labels, self.ignored, self.real(_FLT_MIN), self.smoothing
            )
            if wrong >= 0:
                raise label_error(self, labels, wrong, self._classes)
        self._normaliser = normaliser(
            self.mode, outer=self._outer, items=self._items, valid=valid,
            share=self.counting_share(self.has_targets or self.ignored != NO_LABEL),
        )  # fmt: skip
        tops[0].values.write(PLAIN).fill(total / self._normaliser)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        probability = self._probability(tops)
        dx = self._form(bottoms[0].gradients.write(self._place))
        scale = self.real(float(tops[0].gradients.read(PLAIN)) / self._normaliser)
        if self.has_targets:
            targets = self._form(bottoms[1].values.read(self._place))
            used, masses = self._lanes_in_use(probability), row_scratch(self._workspace, probability)
            self.kernels.target_loss_backward(probability, targets, used, self.smoothing, scale, masses, dx)
        else:
            labels = bottoms[1].values.read(PLAIN).reshape(-1)
            self.kernels.softmax_loss_backward(probability, labels, self.ignored, self.smoothing, scale, dx)


def _without_trailing_ones(shape: Shape) -> Shape:
    """(6, 5, 1, 1) and (6, 5) hold the same values at the same places."""
    while shape and shape[-1] == 1:
        shape = shape[:-1]
    return shape
