"""The margin layers on a GPU."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.accuracy.cuda_kernels import accuracy, judge
from netcli.layers.cuda_form import CudaForm, cuda_form
from netcli.layers.cuda_sum_kernels import VALUES
from netcli.layers.cuda_sums import ChannelForm, channel_sums
from netcli.layers.loss.cuda_sums import LossOnCuda
from netcli.layers.margin import cuda_angular_kernels as angular_kernels
from netcli.layers.margin import cuda_kernels as kernels
from netcli.layers.margin.angular_margin import ALL_CLASSES, AngularMargin
from netcli.layers.margin.label_margin import LabelMargin
from netcli.layers.margin.large_margin_inner_product import LargeMarginInnerProduct
from netcli.layers.margin.margin_inner_product import MarginInnerProduct
from netcli.layers.margin.margin_product import MarginProduct
from netcli.layers.margin.one_vs_all_loss import OneVsAllLoss
from netcli.runtime.blob import CUDA, Blob
from netcli.runtime.cuda.kernel import blocks_for
from netcli.runtime.cuda.memory import DeviceArray, device_array
from netcli.runtime.cuda.products import multiply
from netcli.schema import caffe_pb2 as pb


class MarginProductOnCuda(CudaForm):
    """Base of their forms: an inner product with a row for each class, and lambda, which is set before each pass."""

    layer: MarginProduct

    def prepare(self) -> None:
        self.changing("lambda", 1).set(self.layer.annealing_weight)

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        items, classes, features = self.sizes(bottoms[0])
        x, labels, y = bottoms[0].values.read(CUDA), bottoms[1].values.read(CUDA), tops[0].values.write(CUDA)
        multiply(x, self.prepared_rows(), y, (items, classes, features), self.scratch, b_transposed=True)
        if len(tops) > 2:
            named, right = self.scratch("named", items, np.int32), self.scratch("right", items, np.int32)
            judge(items, y, labels, named, right, classes, 1, 1, 0, 0)
            accuracy(1, named, right, tops[2].values.write(CUDA), items, 0)
        kernels.row_lengths(items, x, self.x_lengths(items), features)
        self.put_margin(labels, items, classes, y)
        if len(tops) > 1:
            tops[1].values.write(CUDA).copy_from(self.annealing)

    @property
    def annealing(self) -> DeviceArray:
        """lambda."""
        return self.changing("lambda", 1).array

    def sizes(self, bottom: Blob) -> tuple[int, int, int]:
        """Items, classes, features."""
        windows, channels, classes = self.layer.geometry
        features = channels * windows.taps
        return bottom.count // features, classes, features

    def x_lengths(self, items: int) -> DeviceArray:
        """The lengths of the items, as of the last forward pass."""
        return self.scratch("x lengths", items)

    def row_lengths(self) -> tuple[DeviceArray, DeviceArray]:
        """The lengths of the parameter's rows, and those of the rows at length 1: 1, or 0 for a row of zeros."""
        classes = self.layer.params[0].shape[0]
        return self.scratch("row lengths", classes), self.scratch("unit row lengths", classes)

    def units(self) -> DeviceArray:
        """A copy of the parameter with rows of length 1, as of ``make_units``."""
        return self.scratch("unit rows", self.layer.params[0].count)

    def make_units(self, target: DeviceArray | None = None) -> DeviceArray:
        """Brings the parameter's rows to length 1, in ``units`` or in ``target``, which may be the parameter."""
        classes, features = self.layer.params[0].shape
        rows = self.layer.params[0].values.read(CUDA)
        target = self.units() if target is None else target
        kernels.unit_rows(classes, rows, target, *self.row_lengths(), features)
        return target

    def add_product_gradient(self, sizes: tuple[int, int, int], x: DeviceArray, dy: DeviceArray) -> None:
        """The parameter's gradient += dy^T x."""
        items, classes, features = sizes
        gradient, shape = self.layer.params[0].gradients.update(CUDA), (classes, features, items)
        multiply(dy, x, gradient, shape, self.scratch, a_transposed=True, accumulate=True)

    def add_unit_row_gradient(self, sizes: tuple[int, int, int], x: DeviceArray, dy: DeviceArray) -> None:
        """Adds dy^T x, the gradient of the unit rows, to that of the parameter, by way of the normalisation."""
        items, classes, features = sizes
        unit_gradient = self.scratch("unit gradient", classes * features)
        multiply(dy, x, unit_gradient, (classes, features, items), self.scratch, a_transposed=True)
        lengths, gradient = self.row_lengths()[0], self.layer.params[0].gradients.update(CUDA)
        kernels.add_projected_rows(classes, unit_gradient, self.units(), lengths, gradient, features)

    def prepared_rows(self) -> DeviceArray:
        """Makes the rows (classes, features) to multiply in this pass."""
        raise NotImplementedError

    def put_margin(self, labels: DeviceArray, items: int, classes: int, y: DeviceArray) -> None:
        """Turns the products y (items, classes) into scores; the lengths of x are known."""
        raise NotImplementedError


class LabelMarginOnCuda(MarginProductOnCuda):
    """Base of the forms of layers with a whole m for the label's class alone."""

    layer: LabelMargin
    unit_coefficients = False
    margin_in_rows = True
    _boundaries: DeviceArray | None = None

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        items, classes, features = sizes = self.sizes(bottoms[0])
        x, labels = bottoms[0].values.read(CUDA), bottoms[1].values.read(CUDA)
        dy = tops[0].gradients.read(CUDA)
        across, along_x, along_w = (self.scratch(name, items) for name in ("across", "along x", "along w"))
        rows, row_lengths = self.rows_and_lengths()
        kernels.margin_backward(
            blocks_for(items), labels, self.x_lengths(items), row_lengths, self.boundaries, self.annealing,
            self._cosines(items), dy, across, along_x, along_w, items, classes, self._number,
            int(self.unit_coefficients),
        )  # fmt: skip
        if not self.margin_in_rows:
            self.add_gradient(sizes, labels, x, dy, along_w)
        # One value of an item differs from dy. To put it there, and back at the end, saves a copy of the whole.
        kernels.exchange_at_labels(blocks_for(items), labels, across, dy, items, classes)
        if self.margin_in_rows:
            self.add_gradient(sizes, labels, x, dy, along_w)
        if propagate_down[0]:
            dx = bottoms[0].gradients.write(CUDA)
            multiply(dy, rows, dx, (items, features, classes), self.scratch)
            kernels.add_item_multiples(blocks_for(dx.size), x, along_x, dx, dx.size, features)
        kernels.exchange_at_labels(blocks_for(items), labels, across, dy, items, classes)

    def put_margin(self, labels: DeviceArray, items: int, classes: int, y: DeviceArray) -> None:
        _, row_lengths = self.rows_and_lengths()
        kernels.margin_forward(
            blocks_for(items), labels, self.x_lengths(items), row_lengths, self.boundaries, self.annealing,
            self._cosines(items), y, items, classes, self._number,
        )  # fmt: skip

    @property
    def boundaries(self) -> DeviceArray:
        """cos(j pi / m) for j = 1 to m - 1; of any content for m = 1."""
        if self._boundaries is None:
            angles = np.arange(1, max(2, self.layer.margin)) * np.pi / self.layer.margin
            self._boundaries = device_array(np.cos(angles).astype(self.layer.context.dtype))
        return self._boundaries

    @property
    def _number(self) -> int:
        return round(self.layer.margin) - 1

    def _cosines(self, items: int) -> DeviceArray:
        return self.scratch("cosines", items)

    def rows_and_lengths(self) -> tuple[DeviceArray, DeviceArray]:
        """What ``prepared_rows`` has given, and the lengths of these rows."""
        raise NotImplementedError

    def add_gradient(
        self, sizes: tuple[int, int, int], labels: DeviceArray, x: DeviceArray, dy: DeviceArray, along_w: DeviceArray
    ) -> None:
        """Adds to the gradient of the parameter; dy holds the margin if ``margin_in_rows``."""
        raise NotImplementedError


@cuda_form("LargeMarginInnerProduct")
class LargeMarginInnerProductOnCuda(LabelMarginOnCuda):
    layer: LargeMarginInnerProduct

    def prepared_rows(self) -> DeviceArray:
        rows, lengths = self.rows_and_lengths()
        classes, features = self.layer.params[0].shape
        kernels.row_lengths(classes, rows, lengths, features)
        return rows

    def rows_and_lengths(self) -> tuple[DeviceArray, DeviceArray]:
        return self.layer.params[0].values.read(CUDA), self.row_lengths()[0]

    def add_gradient(
        self, sizes: tuple[int, int, int], labels: DeviceArray, x: DeviceArray, dy: DeviceArray, along_w: DeviceArray
    ) -> None:
        items, classes, features = sizes
        self.add_product_gradient(sizes, x, dy)
        weights, gradient = self.layer.params[0].values.read(CUDA), self.layer.params[0].gradients.update(CUDA)
        kernels.add_row_multiples(classes, labels, along_w, weights, gradient, items, classes, features)


@cuda_form("MarginInnerProduct")
class MarginInnerProductOnCuda(LabelMarginOnCuda):
    layer: MarginInnerProduct

    @property
    def unit_coefficients(self) -> bool:  # type: ignore[override]
        return not self.layer.exact

    @property
    def margin_in_rows(self) -> bool:  # type: ignore[override]
        return self.layer.exact

    def prepared_rows(self) -> DeviceArray:
        return self.make_units(self.layer.params[0].values.update(CUDA) if self.layer.rescales else None)

    def rows_and_lengths(self) -> tuple[DeviceArray, DeviceArray]:
        rows = self.layer.params[0].values.read(CUDA) if self.layer.rescales else self.units()
        return rows, self.row_lengths()[1]

    def add_gradient(
        self, sizes: tuple[int, int, int], labels: DeviceArray, x: DeviceArray, dy: DeviceArray, along_w: DeviceArray
    ) -> None:
        (self.add_unit_row_gradient if self.layer.exact else self.add_product_gradient)(sizes, x, dy)


@cuda_form("AngularMargin")
class AngularMarginOnCuda(MarginProductOnCuda):
    layer: AngularMargin

    def prepared_rows(self) -> DeviceArray:
        return self.make_units()

    def put_margin(self, labels: DeviceArray, items: int, classes: int, y: DeviceArray) -> None:
        bias = self.layer.params[1].values.read(CUDA) if self.layer.has_bias else y
        angular_kernels.angular_forward(
            blocks_for(y.size), labels, self.x_lengths(items), self.annealing, bias, self._cosines(items, classes), y,
            y.size, classes, self._every, *self._settings,
        )  # fmt: skip

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        items, classes, features = sizes = self.sizes(bottoms[0])
        x, labels, layer = bottoms[0].values.read(CUDA), bottoms[1].values.read(CUDA), self.layer
        dy = tops[0].gradients.read(CUDA)
        if layer.has_bias and layer.wants_gradient(1):
            form, gradient = ChannelForm.rows(1, dy.size), layer.params[1].gradients.update(CUDA)
            channel_sums(self, VALUES, dy, form, gradient, adds=True)
        split, along_x = self.scratch("split gradient", dy.size), self.scratch("along x", items)
        detached = int(layer.settings.gradient == pb.AngularMarginParameter.DETACHED)
        angular_kernels.angular_backward(
            items, labels, self.x_lengths(items), self.annealing, self._cosines(items, classes), dy, split, along_x,
            classes, self._every, detached, *self._settings,
        )  # fmt: skip
        self.add_unit_row_gradient(sizes, x, split)
        if propagate_down[0]:
            dx = bottoms[0].gradients.write(CUDA)
            multiply(split, self.units(), dx, (items, features, classes), self.scratch)
            if layer.settings.scale > 0:
                kernels.turn_across(items, x, self.x_lengths(items), dx, features)
            else:
                kernels.add_item_multiples(blocks_for(dx.size), x, along_x, dx, dx.size, features)

    @property
    def _every(self) -> int:
        """Whether every class has a margin."""
        return int(self.layer.settings.type in ALL_CLASSES)

    @property
    def _settings(self) -> tuple[int, float, float, float, float]:
        """Type, m, s, the sharpness, and the least sine to divide by."""
        settings = self.layer.settings
        least = math.sqrt(np.finfo(self.layer.context.dtype).eps)
        return int(settings.type), settings.margin, settings.scale, settings.sharpness, least

    def _cosines(self, items: int, classes: int) -> DeviceArray:
        return self.scratch("cosines", items * classes if self._every else items)


@cuda_form("OneVsAllLoss")
class OneVsAllLossOnCuda(LossOnCuda):
    layer: OneVsAllLoss

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        items, classes = bottoms[0].shape[0], bottoms[0].count // bottoms[0].shape[0]
        x, labels = (bottom.values.read(CUDA) for bottom in bottoms)
        angular_kernels.one_vs_all_losses(items, x, labels, *self.item_losses(items), classes, self._positive)
        self.finish(items, items, tops[0])

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if propagate_down[0]:
            count, classes = bottoms[0].count, bottoms[0].count // bottoms[0].shape[0]
            x, labels = (bottom.values.read(CUDA) for bottom in bottoms)
            dy, dx = tops[0].gradients.read(CUDA), bottoms[0].gradients.write(CUDA)
            angular_kernels.one_vs_all_gradients(blocks_for(count), x, labels, dy, dx, count, classes, self._positive)

    @property
    def _positive(self) -> float:
        return self.layer.param.one_vs_all_loss_param.positive_weight
