"""What MarginInnerProduct and LargeMarginInnerProduct share: an inner product, and a margin for the label's class.

With w_k the row of class k, t_k the angle between x and it, and psi as in cpu.py:

    y_k = |w_k| |x| cos t_k                                                      for k other than the label
    y_k = |w_k| |x| (lambda cos t_k + psi(t_k)) / (1 + lambda)                   for the label

A third top has the accuracy of the scores without the margin, |w_k| |x| cos t_k for every k: the share of the items
whose label is a class for which that is the best one. With the margin the label's score is lower than in use, and so
is an accuracy that is taken from y.

The products run in lanes as those of InnerProduct do; the margin touches one column of each item. A label that is
no class gets no margin, as in the forks: the loss behind says what it thinks of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.convolution.lane_product import LaneProduct
from netcli.layers.lane_view import LaneView
from netcli.layers.layer import Layer, LayerContext
from netcli.layers.loss.labels import check_label_count
from netcli.layers.margin.annealing import MarginSettings, annealing, check_annealing
from netcli.layers.windows import Windows
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
from netcli.runtime.blob import PLAIN, Blob, Shape


class MarginProduct(Layer):
    """Subclasses say which rows are multiplied, and what becomes of their gradient."""

    settings: MarginSettings
    _product: tuple[tuple[Windows, int, int], LaneProduct] | None = None

    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._work = Workspace(context.dtype)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(M..., D...) and M labels -> (M..., num_output), (1,) for lambda and () for the accuracy without the margin.

        Raises:
            ConfigError: NC120 without num_output, NC121 for an annealing out of range, NC123 for the axis, NC125 for
                another number of labels.
        """
        shape, label_shape = bottom_shapes
        settings, field = self.settings, str(self.param_field)
        axis = self.canonical_axis(settings.axis, len(shape), field, "axis")
        if settings.num_output == 0:
            raise self.error("NC120", "num_output is missing", field, expected="the number of classes")
        check_annealing(self, field, settings)
        features, classes = math.prod(shape[axis:]), settings.num_output
        check_label_count(self, (math.prod(shape[:axis]), features), 1, label_shape)
        self._geometry = (Windows.whole(shape[axis + 1 :]), shape[axis], classes)
        self._bottom_lanes, self._top_lanes, self._bottom_gradient_lanes = (LaneView(axis) for _ in range(3))
        margin = settings.type + 1
        self._boundaries = np.cos(np.arange(1, margin) * np.pi / margin).astype(self.context.dtype)
        self.declarations = [
            self.learnable((classes, features), settings.weight_filler, str(self.param_field), "weight_filler", "type")
        ]
        return [(*shape[:axis], classes), (1,), ()][: max(1, len(self.param.top))]

    @property
    def annealing_weight(self) -> float:
        """lambda of the present pass: after the solver's iterations, or the passes of a net without a solver."""
        context = self.context
        return annealing(self.settings)(context.pass_index if context.iteration is None else context.iteration)

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        rows, row_norms = self._prepare_rows()
        x = self._bottom_lanes.read(bottoms[0].values)
        y = self._top_lanes.write(tops[0].values)
        self._lane_product().forward(x, self._as_weights(rows), None, y)
        labels = bottoms[1].values.read(PLAIN).reshape(-1)
        if len(tops) > 2:
            right, samples = self.kernels.count_right(labels, y)
            tops[2].values.write(PLAIN).fill(right / max(1, samples))
        self._lambda = self.real(self.annealing_weight)
        x_norms, cosines = self._of_items("norms", x), self._of_items("cosines", x)
        self.kernels.item_norms(x, x_norms)
        self.kernels.margin_forward(labels, x_norms, row_norms, self._boundaries, self._lambda, cosines, y)
        self._top_lanes.store(tops[0].values)
        if len(tops) > 1:
            tops[1].values.write(PLAIN).fill(self._lambda)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        rows, row_norms = self._prepared_rows()
        x = self._bottom_lanes.read(bottoms[0].values)
        dy = self._top_lanes.read(tops[0].gradients)
        labels = bottoms[1].values.read(PLAIN).reshape(-1)
        split = self._work.scratch("split gradient", *dy.shape)
        np.copyto(split, dy)
        along_x, along_w = self._of_items("along x", x), self._work.scratch("along w", len(rows))
        x_norms, cosines = self._of_items("norms", x), self._of_items("cosines", x)
        self.kernels.margin_backward(
            labels, x_norms, row_norms, cosines, self._boundaries, self._lambda, self._unit_coefficients, split,
            along_x, along_w,
        )  # fmt: skip
        self._add_gradient(x, dy, split, along_w)
        if propagate_down[0]:
            dx = self._bottom_gradient_lanes.write(bottoms[0].gradients)
            self._lane_product().backward_data(split, self._as_weights(rows), dx)
            self.kernels.add_item_multiples(x, along_x, dx)
            self._bottom_gradient_lanes.store(bottoms[0].gradients)

    def macs(self, bottom_shapes: Sequence[Shape], top_shapes: Sequence[Shape]) -> int:
        """Those of the inner product."""
        return math.prod(top_shapes[0]) * self._geometry[0].taps * self._geometry[1]

    # What subclasses define

    @property
    def _unit_coefficients(self) -> bool:
        """Whether backward scales the label's coefficients to unit length, which is not the gradient."""
        raise NotImplementedError

    def _prepare_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows (num_output, D) to multiply in this pass, and their lengths (num_output,)."""
        raise NotImplementedError

    def _prepared_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """The same once more, for backward."""
        raise NotImplementedError

    def _add_gradient(self, x: np.ndarray, dy: np.ndarray, split: np.ndarray, along_w: np.ndarray) -> None:
        """Adds to the gradient of the parameter; ``dy``, ``split`` (the margin in it) and ``along_w`` as in cpu.py."""
        raise NotImplementedError

    # What subclasses use

    def _add_product_gradient(self, x: np.ndarray, dy: np.ndarray, gradient: np.ndarray) -> None:
        """gradient (num_output, D) += dy^T x."""
        self._lane_product().backward_weights(x, dy, self._as_weights(gradient))

    def _lane_product(self) -> LaneProduct:
        if self._product is None or self._product[0] != self._geometry:
            windows, channels, classes = self._geometry
            product = LaneProduct(windows, channels, classes, 1, self.context.dtype)
            self._product = (self._geometry, product)
        return self._product[1]

    def _as_weights(self, rows: np.ndarray) -> np.ndarray:
        """A view (num_output, channels, positions)."""
        windows, channels, classes = self._geometry
        return rows.reshape(classes, channels, windows.taps)

    def _of_items(self, name: str, x: np.ndarray) -> np.ndarray:
        """Room for one value of each item of x; it holds what was left in it."""
        return self._work.kept(name, x.shape[0], x.shape[3])
