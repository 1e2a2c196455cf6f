"""SoftmaxWithLoss: the multinomial logistic loss of a softmax.

    p = softmax(x) along the axis
    loss = -1/Z sum_i log(max(p_i[label_i], FLT_MIN))            over the items i that are not ignored
    dx_ik = w/Z (p_ik - [k = label_i]),  0 for ignored items

x: (N, K, ...) and labels: one for each item, e.g. (N,) or (N, 1, H, W) -> loss: (), and on request p like x. Z is
the normaliser (see ``normalisation``), w the loss weight, which the net leaves in the top's gradient. The
clamp at FLT_MIN is Caffe's: a loss of 87.3365 means that the probability has underflowed.
Source: Caffe's softmax_loss_layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.channel_form import channel_form, form_place, row_scratch
from netcli.layers.layer import Layer, LayerContext
from netcli.layers.loss.labels import NO_LABEL, check_label_count, label_error
from netcli.layers.loss.normalisation import normalisation_mode, normaliser
from netcli.layers.registry import register
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
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
)
class SoftmaxWithLoss(Layer):
    """Reads ``softmax_param`` (axis) and ``loss_param`` (ignore_label, normalization)."""

    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._workspace = Workspace(context.dtype)
        self._own_probabilities: Blob | None = None
        self._normaliser = 1.0

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """Predictions and labels -> () and, for a second top, the predictions' shape.

        Raises:
            ConfigError: NC123 for an axis out of range, NC125 for labels that do not match.
        """
        shape, label_shape = bottom_shapes
        self._axis = self.canonical_axis(self.param.softmax_param.axis, len(shape), "softmax_param", "axis")
        check_label_count(self, shape, self._axis, label_shape)
        loss_param = self.param.loss_param
        self._mode = normalisation_mode(loss_param)
        self._ignored = loss_param.ignore_label if loss_param.HasField("ignore_label") else NO_LABEL
        return [(), shape][: max(1, len(self.param.top))]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """Raises RunError NC150 for a label that is neither a class nor ignored."""
        shape = bottoms[0].shape
        place = form_place(bottoms[0].values, self._axis)
        x = channel_form(bottoms[0].values.read(place), place, shape, self._axis)
        probability = channel_form(self._probabilities(shape, tops).values.write(place), place, shape, self._axis)
        labels = bottoms[1].values.read(PLAIN).reshape(-1)
        self.kernels.softmax_forward(x, row_scratch(self._workspace, x), probability)
        smallest = self.real(_FLT_MIN)
        total, valid, wrong = self.kernels.softmax_loss_forward(probability, labels, self._ignored, smallest)
        if wrong >= 0:
            raise label_error(self, labels, wrong, shape[self._axis])
        outer = math.prod(shape[: self._axis])
        self._normaliser = normaliser(self._mode, outer=outer, items=labels.size, valid=valid)
        tops[0].values.write(PLAIN).fill(total / self._normaliser)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        shape = bottoms[0].shape
        values = self._probabilities(shape, tops).values
        place = form_place(values, self._axis)
        probability = channel_form(values.read(place), place, shape, self._axis)
        labels = bottoms[1].values.read(PLAIN).reshape(-1)
        dx = channel_form(bottoms[0].gradients.write(place), place, shape, self._axis)
        weight = float(tops[0].gradients.read(PLAIN))
        self.kernels.softmax_loss_backward(probability, labels, self._ignored, self.real(weight / self._normaliser), dx)

    def _probabilities(self, shape: Shape, tops: Sequence[Blob]) -> Blob:
        """Where the probabilities stand: in the second top if there is one."""
        if len(tops) > 1:
            return tops[1]
        if self._own_probabilities is None:
            self._own_probabilities = Blob(shape, self.context.dtype)
        self._own_probabilities.reshape(shape)
        return self._own_probabilities
