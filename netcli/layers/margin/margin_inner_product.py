"""MarginInnerProduct: the inner product of A-Softmax, with rows of unit length.

The equations are those of ``margin_product`` with w_k / |w_k| for w_k, so that a class is a direction.

Bottoms: x (M..., D...), labels (M) -> y (M..., num_output) and on request lambda (1,) and the accuracy
without the margin (). Parameter: w (num_output, D).
``type`` gives the margin m: SINGLE 1 (none), DOUBLE 2, TRIPLE 3, QUADRUPLE 4.

``gradient: REFERENCE`` is the authors' layer: in TRAIN every pass rescales the rows of the parameter to unit length, in
place; backward scales the two coefficients of the label's row and of x to a square sum of 1, before 1 / (1 + lambda);
and dw = dy^T x, as if there were no margin. None of it is the gradient, but with it A-Softmax was made.
``gradient: EXACT`` leaves the parameter alone and gives the true gradients of y, by x and by w. In TEST neither
changes the parameter, unlike the authors' layer.

Sources: Liu et al., "SphereFace: deep hypersphere embedding for face recognition", CVPR 2017; the authors' fork of
Caffe, wy1iu/sphereface.
"""

from __future__ import annotations

import numpy as np

from netcli.layers.margin.margin_product import MarginProduct
from netcli.layers.registry import register
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb


@register(
    "MarginInnerProduct",
    param="margin_inner_product_param",
    bottoms=2,
    tops=(1, 3),
    undifferentiable=(1,),
    fork="SphereFace (wy1iu/sphereface)",
)
class MarginInnerProduct(MarginProduct):
    def gradient_exception(self, kind: str, index: int) -> str:
        return "" if self._exact else "the authors' backward pass is not the gradient of their forward pass"

    @property
    def _exact(self) -> bool:
        return self.param.margin_inner_product_param.gradient == pb.MarginInnerProductParameter.EXACT

    @property
    def _unit_coefficients(self) -> bool:
        return not self._exact

    @property
    def _rescales(self) -> bool:
        """Whether a pass changes the parameter."""
        return self.training and not self._exact

    def _prepare_rows(self) -> tuple[np.ndarray, np.ndarray]:
        values = self.params[0].values
        rows = values.update(PLAIN) if self._rescales else values.read(PLAIN)
        units, unit_norms = self._prepared_rows()
        norms = self._row_norms()
        self.kernels.row_norms(rows, norms)
        self.kernels.unit_rows(rows, norms, units)
        np.sign(norms, out=unit_norms)
        return units, unit_norms

    def _prepared_rows(self) -> tuple[np.ndarray, np.ndarray]:
        shape = self.params[0].shape
        units = self.params[0].values.read(PLAIN) if self._rescales else self._work.kept("unit rows", *shape)
        return units, self._work.kept("unit norms", shape[0])

    def _row_norms(self) -> np.ndarray:
        """Room for the lengths of the parameter's rows, as forward has found them."""
        return self._work.kept("row norms", self.params[0].shape[0])

    def _add_gradient(self, x: np.ndarray, dy: np.ndarray, split: np.ndarray, along_w: np.ndarray) -> None:
        gradient = self.params[0].gradients.update(PLAIN)
        if not self._exact:
            self._add_product_gradient(x, dy, gradient)
            return
        units, _ = self._prepared_rows()
        unit_gradient = self._work.scratch("unit gradient", *units.shape)
        unit_gradient.fill(0)
        self._add_product_gradient(x, split, unit_gradient)
        self.kernels.add_projected_rows(unit_gradient, units, self._row_norms(), gradient)
