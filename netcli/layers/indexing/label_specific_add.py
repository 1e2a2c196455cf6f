"""LabelSpecificAdd: a margin on the score of the true label, as AM-Softmax has it.

    TRAIN   y[n, k] = x[n, k] + bias      where k = label[n] and x[n, k] > -bias
            y[n, k] = x[n, k]             elsewhere
    TEST    y = x
    dx = dy

x: (N, K, ...), everything after the first axis being scores; labels: N of them -> y: like x, and on request bias:
(1,). A margin m is ``bias: -m``. The fork reads ``transform_test`` and then lets it have no effect: so does netcli.
Fork: AM-Softmax (happynear/caffe-windows); Wang et al., "Additive margin softmax for face verification", 2018.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.channel_form import channel_form, form_place
from netcli.layers.layer import Layer
from netcli.layers.loss.labels import check_label_count, label_error
from netcli.layers.registry import register
from netcli.runtime.blob import PLAIN, Blob, Replicas, Shape


@register(
    "LabelSpecificAdd",
    param="label_specific_add_param",
    bottoms=2,
    tops=(1, 2),
    in_place=True,
    undifferentiable=(1,),
    fork="AM-Softmax (happynear/caffe-windows)",
)
class LabelSpecificAdd(Layer):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """Scores and labels -> the scores' shape, and (1,) for a second top.

        Raises:
            ConfigError: NC122 for scores without a second axis, NC125 for labels that do not match.
        """
        shape, label_shape = bottom_shapes
        if len(shape) < 2:
            raise self.error("NC122", "the scores have no classes", "bottom", 0, expected="(N, K, ...)", actual=shape)
        self.scores = (shape[0], math.prod(shape[1:]))
        check_label_count(self, self.scores, 1, label_shape)
        return [shape, (1,)][: max(1, len(self.param.top))]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """Raises RunError NC150 for a label that is no class."""
        bias = self.param.label_specific_add_param.bias
        place = form_place(bottoms[0].values, 1) if len(bottoms[0].shape) == 2 else PLAIN
        x = bottoms[0].values.read(place)
        y = tops[0].values.write(place)
        if y is not x:
            np.copyto(y, x)
        if self.training:
            labels = bottoms[1].values.read(PLAIN).reshape(-1)
            form = channel_form(y, place, self.scores, 1)
            wrong = self.kernels.add_at_labels(labels, self.real(bias), form)
            if wrong >= 0:
                raise label_error(self, labels, wrong, self.scores[1])
        if len(tops) > 1:
            tops[1].values.write(PLAIN).fill(bias)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if propagate_down[0] and tops[0].gradients is not bottoms[0].gradients:
            _copy(tops[0].gradients, bottoms[0].gradients)


def _copy(source: Replicas, target: Replicas) -> None:
    place = source.home()
    np.copyto(target.write(place), source.read(place))
