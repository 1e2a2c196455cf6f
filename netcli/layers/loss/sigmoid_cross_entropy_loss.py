"""SigmoidCrossEntropyLoss: the cross entropy between sigmoids and targets, each element by itself.

    loss = 1/Z sum_i u_i (log(1 + e^x_i) - t_i x_i),  dx_i = w/Z u_i (1 / (1 + e^-x_i) - t_i)

over the elements that are not ignored, computed so that nothing overflows.

x: (N, ...), targets t of as many elements, from 0 to 1, and perhaps weights u of as many, netcli's extension -> loss:
(). Z is the normaliser (see ``normalisation``), here BATCH_SIZE by default; weights do not change it. w is the loss
weight. An element is ignored if its target, cut off to a whole number, is ``ignore_label``. Source: Caffe's
sigmoid_cross_entropy_loss_layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer
from netcli.layers.loss.labels import NO_LABEL
from netcli.layers.loss.normalisation import normalisation_mode, normaliser
from netcli.layers.loss.smoothing import refuse_label_smoothing
from netcli.layers.registry import register
from netcli.runtime.blob import PLAIN, Blob, Shape
from netcli.schema import caffe_pb2 as pb


@register(
    "SigmoidCrossEntropyLoss",
    v1="SIGMOID_CROSS_ENTROPY_LOSS",
    param="loss_param",
    bottoms=(2, 3),
    loss=True,
    undifferentiable=(1, 2),
)
class SigmoidCrossEntropyLoss(Layer):
    """Reads ``loss_param`` (ignore_label, normalization)."""

    _normaliser = 1.0

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """Scores, targets, perhaps weights -> ().

        Raises:
            ConfigError: NC122 for scores without an axis, NC124 for targets or weights of another size, NC126 for
                label_smoothing.
        """
        shape = bottom_shapes[0]
        if not shape:
            raise self.error("NC122", "a batch is needed", "bottom", 0, expected="(N, ...)", actual=shape)
        for position, name in enumerate(("targets", "weights")[: len(bottom_shapes) - 1], 1):
            if math.prod(bottom_shapes[position]) != math.prod(shape):
                raise self.error(
                    "NC124",
                    f"there must be as many {name} as scores",
                    "bottom",
                    position,
                    expected=f"{math.prod(shape)} as in {shape}",
                    actual=f"{math.prod(bottom_shapes[position])} in {bottom_shapes[position]}",
                )
        refuse_label_smoothing(self)
        loss_param = self.param.loss_param
        self.mode = normalisation_mode(loss_param, pb.LossParameter.BATCH_SIZE)
        self.ignored = loss_param.ignore_label if loss_param.HasField("ignore_label") else NO_LABEL
        return [()]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        x, targets, weights = self._rows(bottoms)
        total, valid = self.kernels.sigmoid_loss_forward(x, targets, weights, self.ignored)
        self._normaliser = normaliser(
            self.mode, outer=len(x), items=x.size, valid=valid, share=self.counting_share(self.ignored != NO_LABEL)
        )
        tops[0].values.write(PLAIN).fill(total / self._normaliser)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        x, targets, weights = self._rows(bottoms)
        scale = self.real(float(tops[0].gradients.read(PLAIN)) / self._normaliser)
        dx = bottoms[0].gradients.write(PLAIN).reshape(x.shape)
        self.kernels.sigmoid_loss_backward(x, targets, weights, self.ignored, scale, dx)

    def averages_batch(self, top: int) -> bool:
        return top == 0 and self.mode != pb.LossParameter.NONE

    @staticmethod
    def _rows(bottoms: Sequence[Blob]) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Scores, targets and weights, (N, elements of an example) each."""
        x = bottoms[0].values.read(PLAIN)
        x = x.reshape(len(x), -1)
        targets, *weights = (bottom.values.read(PLAIN).reshape(x.shape) for bottom in bottoms[1:])
        return x, targets, weights[0] if weights else None
