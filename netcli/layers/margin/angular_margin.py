"""AngularMargin: the margins that came after SphereFace, each an equation in the angle t between x and a class's row.

With t_k the angle between x and w_k, c_k = cos t_k, and s = ``scale``, the length that all features get:

    y_k = s (lambda c_k + h(t_k)) / (1 + lambda)        with ``scale: 0`` features keep their length, s = |x|

    type              h(t) for the label's row                           h(t) for the others      usual m and s
    COSFACE           c - m                                              c                        0.35; 30 or 64
    ARCFACE           cos(t + m); where t > pi - m: c - m sin m          c                        0.5; 64
    SPHEREFACE        (-1)^j cos(m t) - 2 j,  j = floor(m t / pi)        c                        1.5 to 4; 30
    SPHEREFACE_R_V1   cos(min(m t, pi))                                  c                        1.5; 30
    SPHEREFACE_R_V2   c                                                  cos(t / m)               1.5; 30
    SPHEREFACE2       g(c) - m,  g(c) = 2 ((c + 1) / 2)^sharpness - 1    g(c) + m                 0.4; 40

All but the last make scores for SoftmaxWithLoss. SPHEREFACE2's are for OneVsAllLoss with the same ``positive_weight``
p; they have no lambda, and a learned bias b in common, y_k = s h(t_k) + b. It starts where the label's term and the
others balance while all angles are right angles: p sigma(-s (g(0) - m) - b) = (1 - p) (classes - 1) sigma(s (g(0) + m)
+ b). ARCFACE's second case, where cos(t + m) would rise again, is that of its authors. lambda falls as for
MarginInnerProduct; it is 0 unless ``base`` or ``lambda_min`` is given.

``gradient: EXACT`` gives the gradient; DETACHED takes h(t) - c for a constant ("characteristic gradient detachment",
with which their authors train SphereFace-R and SphereFace2).

Bottoms: x (M..., D...), labels (M) -> y (M..., num_output) and on request lambda (1,) and the accuracy without the
margin (). Parameters: w (num_output, D) and, with SPHEREFACE2, b (1,).

Sources: Wang et al., "CosFace", CVPR 2018; Wang et al., "Additive margin softmax for face verification", 2018; Deng et
al., "ArcFace", CVPR 2019; Liu et al., "SphereFace revived: unifying hyperspherical face recognition", TPAMI 2022; Wen
et al., "SphereFace2: binary classification is all you need for deep face recognition", ICLR 2022 (its SphereFace2-C).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import ParameterDeclaration
from netcli.layers.margin.margin_product import MarginProduct
from netcli.layers.registry import register
from netcli.runtime.blob import PLAIN, Blob, Shape
from netcli.schema import caffe_pb2 as pb

_FIELD = "angular_margin_param"
_Settings = pb.AngularMarginParameter
ALL_CLASSES = (_Settings.SPHEREFACE_R_V2, _Settings.SPHEREFACE2)
"""Types whose margin is in every class's score and not in the label's alone."""


@register("AngularMargin", param=_FIELD, bottoms=2, tops=(1, 3), undifferentiable=(1,))
class AngularMargin(MarginProduct):
    settings: pb.AngularMarginParameter

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """As the other margin layers.

        Raises:
            ConfigError: as they do; NC120 without margin, NC121 for a value out of range, NC126 for a lambda with
                SPHEREFACE2.
        """
        shapes = super().setup(bottom_shapes)
        self._check()
        settings, dtype = self.settings, self.context.dtype
        sharpest = math.sqrt(np.finfo(dtype).eps)  # the least sine to divide by
        self._form = np.array([settings.margin, settings.scale, settings.sharpness, sharpest], dtype)
        if self.has_bias:
            bias = pb.FillerParameter(type="constant", value=first_bias(settings))
            self.declarations.append(ParameterDeclaration((1,), bias))
        return shapes

    @property
    def margin(self) -> float:
        return float(self.settings.margin)

    @property
    def has_lambda(self) -> bool:
        return max(self.settings.base, self.settings.lambda_min) > 0

    def gradient_exception(self, kind: str, index: int) -> str:
        if self.settings.gradient == _Settings.EXACT or kind == "top" or (kind, index) == ("param", 1):
            return ""
        return "gradient: DETACHED leaves out how the margin changes"

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        x = self._bottom_lanes.read(bottoms[0].values)
        dy = self._top_lanes.read(tops[0].gradients)
        labels = bottoms[1].values.read(PLAIN).reshape(-1)
        split, along_x = self._work.scratch("split gradient", *dy.shape), self._of_items("along x", x)
        np.copyto(split, dy)
        if self.has_bias and self.wants_gradient(1):
            self.params[1].gradients.update(PLAIN)[0] += dy.sum()
        norms, detached = self._of_items("norms", x), self.settings.gradient == _Settings.DETACHED
        self.kernels.angular_backward(
            labels, norms, self.settings.type, self._form, self._lambda, detached, self._cosines(x), split, along_x
        )
        self._add_unit_row_gradient(x, split)
        if propagate_down[0]:
            dx = self._bottom_gradient_lanes.write(bottoms[0].gradients)
            self._lane_product().backward_data(split, self._as_weights(self._kept_unit_rows()), dx)
            if self.settings.scale > 0:
                self.kernels.factors_across(x, norms, dx, along_x)
            self.kernels.add_item_multiples(x, along_x, dx)
            self._bottom_gradient_lanes.store(bottoms[0].gradients)

    def kept_shapes(self, bottom_shapes: Sequence[Shape], top_shapes: Sequence[Shape]) -> list[Shape]:
        rows, scores = self.declarations[0].shape, top_shapes[0]
        cosines = [scores] if self.settings.type in ALL_CLASSES else []
        return [rows, *cosines, *([rows, scores] if self.runs_backward else [])]

    def _prepare_rows(self) -> np.ndarray:
        return self._unit_rows()

    def _put_margin(self, labels: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
        bias = self.params[1].values.read(PLAIN)[0] if self.has_bias else self.real(0)
        self.kernels.angular_forward(
            labels, self._of_items("norms", x), self.settings.type, self._form, self._lambda, bias, self._cosines(x), y
        )

    def _cosines(self, x: np.ndarray) -> np.ndarray:
        """Room for the cosines (groups, classes, lanes), or those of the labels alone where no other is needed."""
        classes = self.settings.num_output if self.settings.type in ALL_CLASSES else 1
        return self._work.kept("cosines", x.shape[0], classes, x.shape[3])

    @property
    def has_bias(self) -> bool:
        """Whether a learned bias is in all scores."""
        return self.settings.type == _Settings.SPHEREFACE2

    def _check(self) -> None:
        settings = self.settings
        if not settings.HasField("margin"):
            raise self.error("NC120", "margin is missing", _FIELD, expected="m, such as 0.35 for COSFACE")
        least_margin = 0 if settings.type in (_Settings.COSFACE, _Settings.ARCFACE, _Settings.SPHEREFACE2) else 1
        for name, least in (("margin", least_margin), ("scale", 0), ("sharpness", 1)):
            value = getattr(settings, name)
            if not least <= value < math.inf:
                raise self.error(
                    "NC121", f"{name} is out of range", _FIELD, name, expected=f"at least {least}", actual=f"{value:g}"
                )
        if not 0 < settings.positive_weight < 1:
            raise self.error(
                "NC121", "positive_weight is out of range", _FIELD, "positive_weight", expected="between 0 and 1",
                actual=f"{settings.positive_weight:g}",
            )  # fmt: skip
        if settings.type == _Settings.SPHEREFACE2 and max(settings.base, settings.lambda_min) > 0:
            raise self.error(
                "NC126", "SPHEREFACE2 has no lambda", _FIELD, "base" if settings.base > 0 else "lambda_min",
                hint="leave base and lambda_min out",
            )  # fmt: skip


def first_bias(settings: pb.AngularMarginParameter) -> float:
    """The bias of SPHEREFACE2 at the start, from the balance in the module's docstring.

    With z = p / ((1 - p) (classes - 1)), a = s (g(0) - m), o = s (g(0) + m) and u = e^b, the balance is
    e^(a + o) u^2 + e^o (1 - z) u - z = 0. For a single class, without others, b = -a.

    >>> settings = pb.AngularMarginParameter(num_output=1000, margin=0.4, scale=40)
    >>> round(first_bias(settings), 4)
    7.9429
    """
    right_angle = 2 * 0.5**settings.sharpness - 1
    label, others = settings.scale * (right_angle - settings.margin), settings.scale * (right_angle + settings.margin)
    if settings.num_output < 2:
        return -label
    odds = settings.positive_weight / ((1 - settings.positive_weight) * (settings.num_output - 1))
    root = math.sqrt((1 - odds) ** 2 + 4 * odds * math.exp(label - others))
    if odds < 1:
        return math.log(2 * odds / (1 - odds + root)) - others
    return math.log((odds - 1 + root) / 2) - label
