"""Accuracy: the share of items whose label is among the ``top_k`` best scores.

    right_i = #{k != label_i : x_ik >= x_i[label_i]} < top_k          so ties count against the label
    accuracy = mean of right_i over the items that are not ignored, 0 if there are none
    per_class[c] = the same over the items of class c

x: (N, K, ...) and labels: one for each item -> accuracy: (), and on request per_class: (K,). No gradient.
Source: Caffe's accuracy_layer; a NaN score, which Caffe takes for right, counts against the label.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.channel_form import channel_form, form_place
from netcli.layers.layer import Layer
from netcli.layers.loss.labels import NO_LABEL, check_label_count, label_error
from netcli.layers.registry import register
from netcli.runtime.blob import PLAIN, Blob, Shape


@register(
    "Accuracy",
    v1="ACCURACY",
    param="accuracy_param",
    bottoms=2,
    tops=(1, 2),
    undifferentiable=(0, 1),
    no_gradient="the accuracy is a step function",
)
class Accuracy(Layer):
    _counts: np.ndarray | None = None

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """Predictions and labels -> () and, for a second top, (classes,).

        Raises:
            ConfigError: NC121 for ``top_k`` below 1 or above the number of classes, NC123 for an axis out of
                range, NC125 for labels that do not match.
        """
        shape, label_shape = bottom_shapes
        settings = self.param.accuracy_param
        self.axis = self.canonical_axis(settings.axis, len(shape), "accuracy_param", "axis")
        check_label_count(self, shape, self.axis, label_shape)
        classes = shape[self.axis]
        if not 1 <= settings.top_k <= classes:
            raise self.error(
                "NC121",
                "top_k is out of range",
                "accuracy_param",
                "top_k",
                expected=f"1 to {classes} (the number of classes)",
                actual=settings.top_k,
            )
        self.top_k = settings.top_k
        self.ignored = settings.ignore_label if settings.HasField("ignore_label") else NO_LABEL
        return [(), (classes,)][: max(1, len(self.param.top))]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """Raises RunError NC150 for a label that is neither a class nor ignored."""
        shape = bottoms[0].shape
        classes = shape[self.axis]
        if self._counts is None or self._counts.shape != (2, classes):
            self._counts = np.zeros((2, classes), np.int64)
        right, samples = self._counts
        place = form_place(bottoms[0].values, self.axis)
        x = channel_form(bottoms[0].values.read(place), place, shape, self.axis)
        labels = bottoms[1].values.read(PLAIN).reshape(-1)
        wrong = self.kernels.count_right(x, labels, self.top_k, self.ignored, right, samples)
        if wrong >= 0:
            raise label_error(self, labels, wrong, classes)
        share = self.counting_share(self.ignored != NO_LABEL)
        tops[0].values.write(PLAIN).fill(right.sum() / share.mean_divisor(samples.sum()))
        if len(tops) > 1:
            divisors = self.context.share.mean_divisors(samples)
            np.divide(right, divisors, out=tops[1].values.write(PLAIN), casting="same_kind")

    def averages_batch(self, top: int) -> bool:
        return True
