"""LargeMarginInnerProduct: the inner product of L-Softmax, whose rows keep their length.

The equations are those of ``label_margin``; backward is the gradient, which is the authors' too, so that
``gradient`` makes no difference.

Bottoms: x (M..., D...), labels (M) -> y (M..., num_output) and on request lambda (1,) and the accuracy without the
margin (). Parameter: w (num_output, D). ``type`` gives the margin m: SINGLE 1 (none), DOUBLE 2, TRIPLE 3, QUADRUPLE 4.
Sources: Liu et al., "Large-margin
softmax loss for convolutional neural networks", ICML 2016; the authors' fork of Caffe,
wy1iu/LargeMargin_Softmax_Loss.
"""

from __future__ import annotations

import numpy as np

from netcli.layers.margin.label_margin import LabelMargin
from netcli.layers.registry import register
from netcli.runtime.blob import PLAIN


@register(
    "LargeMarginInnerProduct",
    param="largemargin_inner_product_param",
    bottoms=2,
    tops=(1, 3),
    undifferentiable=(1,),
    fork="L-Softmax (wy1iu/LargeMargin_Softmax_Loss)",
)
class LargeMarginInnerProduct(LabelMargin):
    _unit_coefficients = False
    _margin_in_rows = True

    def _prepare_rows(self) -> np.ndarray:
        rows, norms = self._prepared_rows()
        self.kernels.row_norms(rows, norms)
        return rows

    def _prepared_rows(self) -> tuple[np.ndarray, np.ndarray]:
        return self.params[0].values.read(PLAIN), self._row_norms()

    def _add_gradient(self, x: np.ndarray, dy: np.ndarray, along_w: np.ndarray) -> None:
        gradient = self.params[0].gradients.update(PLAIN)
        self._add_product_gradient(x, dy, gradient)
        self.kernels.add_row_multiples(self.params[0].values.read(PLAIN), along_w, gradient)
