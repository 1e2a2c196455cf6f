"""MarginInnerProduct: the inner product of A-Softmax, with rows of unit length.

The equations are those of ``label_margin`` with w_k / |w_k| for w_k, so that a class is a direction.

Bottoms: x (M..., D...), labels (M) -> y (M..., num_output) and on request lambda (1,) and the accuracy without the
margin (). Parameter: w (num_output, D). ``type`` gives the margin m: SINGLE 1 (none), DOUBLE 2, TRIPLE 3, QUADRUPLE 4.

``gradient: REFERENCE`` is the authors' layer: in TRAIN every pass rescales the rows of the parameter to unit length, in
place; backward scales the two coefficients of the label's row and of x to a square sum of 1, before 1 / (1 + lambda);
and dw = dy^T x, as if there were no margin. None of it is the gradient, but with it A-Softmax was made.
``gradient: EXACT`` leaves the parameter alone and gives the true gradients of y, by x and by w. In TEST neither
changes the parameter, unlike the authors' layer.

Sources: Liu et al., "SphereFace: deep hypersphere embedding for face recognition", CVPR 2017; the authors' fork of
Caffe, wy1iu/sphereface.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.margin.label_margin import LabelMargin
from netcli.layers.registry import register
from netcli.runtime.blob import PLAIN, Shape
from netcli.schema import caffe_pb2 as pb


@register(
    "MarginInnerProduct",
    param="margin_inner_product_param",
    bottoms=2,
    tops=(1, 3),
    undifferentiable=(1,),
    fork="SphereFace (wy1iu/sphereface)",
)
class MarginInnerProduct(LabelMargin):
    def gradient_exception(self, kind: str, index: int) -> str:
        return "" if self.exact else "the authors' backward pass is not the gradient of their forward pass"

    @property
    def exact(self) -> bool:
        """Whether backward gives the true gradients."""
        return self.param.margin_inner_product_param.gradient == pb.MarginInnerProductParameter.EXACT

    @property
    def _unit_coefficients(self) -> bool:
        return not self.exact

    @property
    def rescales(self) -> bool:
        """Whether a pass changes the parameter."""
        return self.training and not self.exact

    def kept_shapes(self, bottom_shapes: Sequence[Shape], top_shapes: Sequence[Shape]) -> list[Shape]:
        return [self.declarations[0].shape] * ((not self.rescales) + (self.exact and self.runs_backward))

    def _prepare_rows(self) -> np.ndarray:
        if self.rescales:
            units, norms = self.params[0].values.update(PLAIN), self._row_norms()
            self.kernels.row_norms(units, norms)
            self.kernels.unit_rows(units, norms, units)
        else:
            units = self._unit_rows()
        np.sign(self._row_norms(), out=self._unit_norms())
        return units

    def _prepared_rows(self) -> tuple[np.ndarray, np.ndarray]:
        units = self.params[0].values.read(PLAIN) if self.rescales else self._kept_unit_rows()
        return units, self._unit_norms()

    def _unit_norms(self) -> np.ndarray:
        """The lengths of the rescaled rows: 1, or 0 for a row of zeros."""
        return self._work.kept("unit norms", self.params[0].shape[0])

    @property
    def _margin_in_rows(self) -> bool:
        return self.exact

    def _add_gradient(self, x: np.ndarray, dy: np.ndarray, along_w: np.ndarray) -> None:
        if self.exact:
            self._add_unit_row_gradient(x, dy)
        else:
            self._add_product_gradient(x, dy, self.params[0].gradients.update(PLAIN))
