"""CenterLoss: draws features to the centres of their classes, and the centres after the features.

    loss = 1/(2 N) sum_i |x_i - c_label_i|^2,  dx_i = w/N (x_i - c_label_i)
    dc_j += sum over the n_j items of class j of (c_j - x_i), divided by 1 + n_j

x: (N..., D...), of which ``axis`` and all after it are one vector; labels: N of them -> loss: (). Parameter: c
(num_output, D). What the centres get is the update rule of the paper, not the gradient of the loss: it knows nothing of
the loss weight w. Its rate is the solver's times lr_mult. Sources: Wen et al., "A discriminative feature learning
approach for deep face recognition", ECCV 2016; the authors' fork of Caffe, ydwen/caffe-face.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer, LayerContext
from netcli.layers.loss.labels import check_label_count, label_error
from netcli.layers.registry import register
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
from netcli.runtime.blob import PLAIN, Blob, Shape


@register(
    "CenterLoss",
    param="center_loss_param",
    bottoms=2,
    loss=True,
    undifferentiable=(1,),
    fork="caffe-face (ydwen/caffe-face)",
)
class CenterLoss(Layer):
    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._workspace = Workspace(context.dtype)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """Features and labels -> ().

        Raises:
            ConfigError: NC120 without num_output, NC123 for an axis out of range, NC125 for labels that do not match.
        """
        shape, label_shape = bottom_shapes
        settings = self.param.center_loss_param
        if settings.num_output == 0:
            raise self.error("NC120", "num_output is missing", "center_loss_param", expected="the number of classes")
        axis = self.canonical_axis(settings.axis, len(shape), "center_loss_param", "axis")
        features = math.prod(shape[axis:])
        check_label_count(self, (math.prod(shape[:axis]), features), 1, label_shape)
        self.declarations = [
            self.learnable(
                (settings.num_output, features), settings.center_filler, "center_loss_param", "center_filler", "type"
            )
        ]
        return [()]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """Raises RunError NC150 for a label that is no class."""
        x, labels = self._rows(bottoms)
        centers = self.params[0].values.read(PLAIN)
        total, wrong = self.kernels.center_loss_forward(x, labels, centers)
        if wrong >= 0:
            raise label_error(self, labels, wrong, len(centers))
        tops[0].values.write(PLAIN).fill(total / (2 * len(x)))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        x, labels = self._rows(bottoms)
        centers = self.params[0].values.read(PLAIN)
        counts = self._workspace.scratch("counts", len(centers))
        gradient = self.params[0].gradients.update(PLAIN)
        if self.context.share.divided:
            self._add_part(x, labels, centers, counts, gradient)
        else:
            self.kernels.center_gradient(x, labels, centers, counts, gradient)
        if propagate_down[0]:
            scale = self.real(float(tops[0].gradients.read(PLAIN)) / len(x))
            dx = bottoms[0].gradients.write(PLAIN).reshape(x.shape)
            self.kernels.center_loss_backward(x, labels, centers, scale, dx)

    def gradient_exception(self, kind: str, index: int) -> str:
        return "the centres get an update instead of a gradient" if kind == "param" else ""

    def _add_part(
        self, x: np.ndarray, labels: np.ndarray, centers: np.ndarray, counts: np.ndarray, gradient: np.ndarray
    ) -> None:
        """What a part of a batch adds: n_j counts the items of all parts."""
        share = self.context.share
        part = self._workspace.scratch("part", *centers.shape)
        part.fill(0)
        self.kernels.center_gradient(x, labels, centers, counts, part)
        own = counts - 1 if not share.idle else np.zeros_like(counts)
        whole = own.copy()
        share.add(whole)
        if not share.idle:
            gradient += part * (counts / (1 + whole))[:, None]

    @staticmethod
    def _rows(bottoms: Sequence[Blob]) -> tuple[np.ndarray, np.ndarray]:
        """(N, D) and (N,)."""
        labels = bottoms[1].values.read(PLAIN).reshape(-1)
        return bottoms[0].values.read(PLAIN).reshape(labels.size, -1), labels
