"""What MarginInnerProduct and LargeMarginInnerProduct share: a whole m, for the label's class alone.

With w_k the row of class k, t_k the angle between x and it, and psi as in cpu.py:

    y_k = |w_k| |x| cos t_k                                                      for k other than the label
    y_k = |w_k| |x| (lambda cos t_k + psi(t_k)) / (1 + lambda)                   for the label

The margin touches one column of each item.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.margin.margin_product import MarginProduct
from netcli.runtime.blob import PLAIN, Blob, Shape
from netcli.schema import caffe_pb2 as pb


class LabelMargin(MarginProduct):
    """Subclasses say which rows are multiplied, and what becomes of their gradient."""

    settings: pb.MarginInnerProductParameter | pb.LargeMarginInnerProductParameter

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        shapes = super().setup(bottom_shapes)
        boundaries = np.cos(np.arange(1, self.margin) * np.pi / self.margin)
        self._boundaries = boundaries.astype(self.context.dtype)
        return shapes

    @property
    def margin(self) -> float:
        return self.settings.type + 1

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        rows, row_norms = self._prepared_rows()
        x = self._bottom_lanes.read(bottoms[0].values)
        dy = self._top_lanes.read(tops[0].gradients)
        labels = bottoms[1].values.read(PLAIN).reshape(-1)
        across, along_x = self._of_items("across", x), self._of_items("along x", x)
        along_w = self._work.scratch("along w", len(rows))
        x_norms, cosines = self._of_items("norms", x), self._of_items("cosines", x)
        self.kernels.margin_backward(
            labels, x_norms, row_norms, cosines, self._boundaries, self._lambda, self._unit_coefficients, dy, across,
            along_x, along_w,
        )  # fmt: skip
        if not self._margin_in_rows:
            self._add_gradient(x, dy, along_w)
        # One value of an item differs from dy. To put it there, and back at the end, saves a copy of the whole.
        self.kernels.exchange_at_labels(labels, across, dy)
        if self._margin_in_rows:
            self._add_gradient(x, dy, along_w)
        if propagate_down[0]:
            dx = self._bottom_gradient_lanes.write(bottoms[0].gradients)
            self._lane_product().backward_data(dy, self._as_weights(rows), dx)
            self.kernels.add_item_multiples(x, along_x, dx)
            self._bottom_gradient_lanes.store(bottoms[0].gradients)
        self.kernels.exchange_at_labels(labels, across, dy)

    def _put_margin(self, labels: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
        x_norms, cosines = self._of_items("norms", x), self._of_items("cosines", x)
        _, row_norms = self._prepared_rows()
        self.kernels.margin_forward(labels, x_norms, row_norms, self._boundaries, self._lambda, cosines, y)

    # What subclasses define

    @property
    def _unit_coefficients(self) -> bool:
        """Whether backward scales the label's coefficients to unit length, which is not the gradient."""
        raise NotImplementedError

    def _prepared_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows that ``_prepare_rows`` has given (num_output, D), and their lengths (num_output,)."""
        raise NotImplementedError

    @property
    def _margin_in_rows(self) -> bool:
        """Whether the gradient of the rows takes note of the margin."""
        raise NotImplementedError

    def _add_gradient(self, x: np.ndarray, dy: np.ndarray, along_w: np.ndarray) -> None:
        """Adds to the gradient of the parameter; ``dy`` holds the margin if the rows note it, ``along_w`` the rest."""
        raise NotImplementedError
