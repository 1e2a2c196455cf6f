"""What all layers with a margin share: an inner product of features with a row for each class, and lambda.

The products run in lanes as those of InnerProduct do; then a kernel puts the margin in, in place. Beside the scores a
layer tells, on request, lambda, and the accuracy without the margin: the share of the items whose label is a class for
which that class has the greatest product x w_k. (With the margin the label's score is lower than in use, and so is an
accuracy that is taken from the scores.) A label that is no class gets no margin, as in the forks: the loss behind says
what it thinks of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.convolution.few_images.tiling import fills_few_lanes
from netcli.layers.inner_product.few_rows import FewRowsInLanes
from netcli.layers.inner_product.many_rows import ManyRows
from netcli.layers.lane_view import LaneView
from netcli.layers.layer import Layer, LayerContext
from netcli.layers.loss.labels import check_label_count
from netcli.layers.margin.annealing import MarginSettings, annealing, check_annealing
from netcli.layers.windows import Windows
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
from netcli.runtime.blob import PLAIN, Blob, Shape
from netcli.runtime.cpu import lane_count


class MarginProduct(Layer):
    """Subclasses say which rows are multiplied, put the margin in, and lead the gradient back."""

    settings: MarginSettings
    _product: tuple[tuple[tuple[Windows, int, int], int], ManyRows | FewRowsInLanes] | None = None
    _units_of: int | None = None

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
        self._items = math.prod(shape[:axis])
        self.geometry = (Windows.whole(shape[axis + 1 :]), shape[axis], classes)
        self._bottom_lanes, self._top_lanes, self._bottom_gradient_lanes = (LaneView(axis) for _ in range(3))
        self.declarations = [
            self.learnable((classes, features), settings.weight_filler, field, "weight_filler", "type")
        ]
        return [(*shape[:axis], classes), (1,), ()][: max(1, len(self.param.top))]

    @property
    def margin(self) -> float:
        """m, in the sense of the layer's equations."""
        raise NotImplementedError

    @property
    def has_lambda(self) -> bool:
        """False for a layer that was not asked to anneal anything."""
        return True

    @property
    def annealing_weight(self) -> float:
        """lambda of the present pass: after the solver's iterations, or the passes of a net without a solver."""
        context = self.context
        return annealing(self.settings)(context.pass_index if context.iteration is None else context.iteration)

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        rows = self._prepare_rows()
        x = self._bottom_lanes.read(bottoms[0].values)
        y = self._top_lanes.write(tops[0].values)
        self._lane_product().forward(x, self._as_weights(rows), None, y)
        labels = bottoms[1].values.read(PLAIN).reshape(-1)
        if len(tops) > 2:
            right, classes = self.kernels.count_right(labels, y)
            tops[2].values.write(PLAIN).fill(right / max(1, classes))
        self._lambda = self.real(self.annealing_weight)
        self.kernels.item_norms(x, self._of_items("norms", x))
        self._put_margin(labels, x, y)
        self._top_lanes.store(tops[0].values)
        if len(tops) > 1:
            tops[1].values.write(PLAIN).fill(self._lambda)

    def method(self, bottom_shapes: Sequence[Shape]) -> str:
        few = fills_few_lanes(self._items, lane_count())
        return "few items, each weight read once" if few else "direct, images in lanes"

    def averages_batch(self, top: int) -> bool:
        return top > 0

    def macs(self, bottom_shapes: Sequence[Shape], top_shapes: Sequence[Shape]) -> int:
        """Those of the inner product."""
        return math.prod(top_shapes[0]) * self.geometry[0].taps * self.geometry[1]

    # What subclasses define

    def _prepare_rows(self) -> np.ndarray:
        """The rows (num_output, D) to multiply in this pass."""
        raise NotImplementedError

    def _put_margin(self, labels: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
        """Turns the products y (G, 1, num_output, L), in lanes, into scores; the norms of x are known."""
        raise NotImplementedError

    # What subclasses use

    def _unit_rows(self) -> np.ndarray:
        """A copy of the parameter with rows of length 1, made anew unless the parameter is what it was."""
        rows = self.params[0].values.read(PLAIN)
        units, norms = self._kept_unit_rows(), self._row_norms()
        stamp = self.params[0].values.stamp
        if stamp is None or stamp != self._units_of:
            self.kernels.row_norms(rows, norms)
            self.kernels.unit_rows(rows, norms, units)
        self._units_of = stamp
        return units

    def _kept_unit_rows(self) -> np.ndarray:
        """The same once more, for backward."""
        return self._work.kept("unit rows", *self.params[0].shape)

    def _row_norms(self) -> np.ndarray:
        """Room for the lengths of the parameter's rows."""
        return self._work.kept("row norms", self.params[0].shape[0])

    def _add_unit_row_gradient(self, x: np.ndarray, split: np.ndarray) -> None:
        """Adds split^T x, the gradient of the unit rows, to that of the parameter, by way of the normalisation."""
        units = self._kept_unit_rows()
        unit_gradient = self._work.scratch("unit gradient", *units.shape)
        unit_gradient.fill(0)
        self._add_product_gradient(x, split, unit_gradient)
        gradient = self.params[0].gradients.update(PLAIN)
        self.kernels.add_projected_rows(unit_gradient, units, self._row_norms(), gradient)

    def _add_product_gradient(self, x: np.ndarray, dy: np.ndarray, gradient: np.ndarray) -> None:
        """gradient (num_output, D) += dy^T x."""
        self._lane_product().backward_weights(x, dy, self._as_weights(gradient))

    def _lane_product(self) -> ManyRows | FewRowsInLanes:
        key = (self.geometry, self._items)
        if self._product is None or self._product[0] != key:
            windows, channels, classes = self.geometry
            if fills_few_lanes(self._items, lane_count()):
                self._product = (key, FewRowsInLanes(self._items))
            else:
                self._product = (key, ManyRows(windows, channels, classes, 1, self.context.dtype))
        return self._product[1]

    def _as_weights(self, rows: np.ndarray) -> np.ndarray:
        """A view (num_output, channels, positions)."""
        windows, channels, classes = self.geometry
        return rows.reshape(classes, channels, windows.taps)

    def _of_items(self, name: str, x: np.ndarray) -> np.ndarray:
        """Room for one value of each item of x; it holds what was left in it."""
        return self._work.kept(name, x.shape[0], x.shape[3])
