"""InfogainLoss: the cross entropy of a softmax, weighted by a matrix H over (label, class).

    p = softmax(x) along the axis
    loss = -1/Z sum_i sum_k H[label_i, k] log(max(p_ik, 1e-20))            over the items i that are not ignored
    dx_ik = w/Z (p_ik sum_j H[label_i, j] - H[label_i, k]),  0 for ignored items

x: (N, K, ...), labels: one for each item, and perhaps H with K K values, (1, 1, K, K) -> loss: (), and on request p
like x. Without a third bottom H is read from the file ``source``. With the unit matrix this is SoftmaxWithLoss. Z and
w as there. Source: Caffe's infogain_loss_layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.channel_form import row_scratch
from netcli.layers.loss.labels import NO_LABEL, check_label_count, label_error
from netcli.layers.loss.normalisation import normalisation_mode, normaliser
from netcli.layers.loss.smoothing import refuse_label_smoothing
from netcli.layers.loss.softmax_loss import SoftmaxLoss
from netcli.layers.registry import register
from netcli.runtime.blob import PLAIN, Blob, Shape

_LARGEST_COST = -math.log(1e-20)


@register(
    "InfogainLoss",
    v1="INFOGAIN_LOSS",
    param="infogain_loss_param",
    bottoms=(2, 3),
    tops=(1, 2),
    loss=True,
    undifferentiable=(1, 2),
    reads=("loss_param",),
)
class InfogainLoss(SoftmaxLoss):
    """Reads ``infogain_loss_param`` (source, axis) and ``loss_param`` (ignore_label, normalization)."""

    _stored_matrix: np.ndarray | None = None

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """Predictions, labels, perhaps H -> () and, for a second top, the predictions' shape.

        Raises:
            ConfigError: NC120 if H is neither a bottom nor a file, NC123 for an axis out of range, NC124 for an H of
                another size, NC125 for labels that do not match, NC126 for label_smoothing.
        """
        shape, label_shape = bottom_shapes[:2]
        settings = self.param.infogain_loss_param
        refuse_label_smoothing(self)
        self.axis = self.canonical_axis(settings.axis, len(shape), "infogain_loss_param", "axis")
        check_label_count(self, shape, self.axis, label_shape)
        classes = shape[self.axis]
        if len(bottom_shapes) == 3 and math.prod(bottom_shapes[2]) != classes**2:
            raise self.error(
                "NC124",
                "H does not fit the predictions",
                "bottom",
                2,
                expected=f"{classes} x {classes} values for {classes} classes",
                actual=f"{math.prod(bottom_shapes[2])} in {bottom_shapes[2]}",
            )
        if len(bottom_shapes) == 2 and not settings.source:
            raise self.error(
                "NC120",
                "there is no matrix H",
                "infogain_loss_param",
                expected="a third bottom, or a file as source",
            )
        self.mode = normalisation_mode(self.param.loss_param)
        has_ignored = self.param.loss_param.HasField("ignore_label")
        self.ignored = self.param.loss_param.ignore_label if has_ignored else NO_LABEL
        return [(), shape][: max(1, len(self.param.top))]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """Raises RunError NC150 for a label that is neither a class nor ignored, NC133 for an H of another size."""
        x, probability = self._softmax(bottoms[0], tops)
        labels = bottoms[1].values.read(PLAIN).reshape(-1)
        targets = self._targets(x)
        valid, wrong = self.kernels.rows_of_labels(labels, self.ignored, self._matrix(bottoms), targets)
        if wrong >= 0:
            raise label_error(self, labels, wrong, self._classes)
        total, _ = self.kernels.target_loss_forward(
            x, probability, targets, self._lanes_in_use(x), self.real(0), self.real(_LARGEST_COST)
        )
        self._normaliser = normaliser(
            self.mode, outer=self._outer, items=self._items, valid=valid,
            share=self.counting_share(self.ignored != NO_LABEL),
        )  # fmt: skip
        tops[0].values.write(PLAIN).fill(total / self._normaliser)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        probability = self._probability(tops)
        targets = self._targets(probability)
        labels = bottoms[1].values.read(PLAIN).reshape(-1)
        self.kernels.rows_of_labels(labels, self.ignored, self._matrix(bottoms), targets)
        dx = self._form(bottoms[0].gradients.write(self._place))
        scale = self.real(float(tops[0].gradients.read(PLAIN)) / self._normaliser)
        used, masses = self._lanes_in_use(probability), row_scratch(self._workspace, probability)
        self.kernels.target_loss_backward(probability, targets, used, self.real(0), scale, masses, dx)

    def _targets(self, form: np.ndarray) -> np.ndarray:
        """Room for the row of H that belongs to each item."""
        return self._workspace.scratch("targets", *form.shape)

    def stored_matrix(self, classes: int) -> np.ndarray:
        """H (K, K) from the file, which is read once. Raises RunError NC133 for one of another size."""
        if self._stored_matrix is None:
            stored = self.context.feeds.read_array(self.param, self.param.infogain_loss_param.source)
            self._stored_matrix = stored.astype(self.context.dtype)
        if self._stored_matrix.size != classes**2:
            raise self.run_error(
                "NC133",
                f"H in '{self.param.infogain_loss_param.source}' does not fit the predictions",
                expected=f"{classes} x {classes} values for {classes} classes",
                actual=f"{self._stored_matrix.size} in {self._stored_matrix.shape}",
            )
        return self._stored_matrix.reshape(classes, classes)

    def _matrix(self, bottoms: Sequence[Blob]) -> np.ndarray:
        """H (K, K), from the bottom or from the file."""
        if len(bottoms) == 3:
            return bottoms[2].values.read(PLAIN).reshape(self._classes, self._classes)
        return self.stored_matrix(self._classes)
