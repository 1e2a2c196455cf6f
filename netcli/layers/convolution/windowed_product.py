"""What layers share that multiply sliding windows by weights: parameters, forward and backward."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol, cast

import numpy as np

from netcli.layers.convolution.few_images.pointwise import PointwiseProduct, is_pointwise
from netcli.layers.convolution.few_images.product import TiledProduct
from netcli.layers.convolution.few_images.tiling import Tiling, best_tiling, fills_few_lanes
from netcli.layers.convolution.fold import Fold
from netcli.layers.convolution.lane_product import LaneProduct, TransposedLaneProduct
from netcli.layers.convolution.scratch_sizes import Sizes, direct_sizes, tiled_sizes, winograd_sizes
from netcli.layers.convolution.winograd.geometry import is_faster
from netcli.layers.convolution.winograd.product import WinogradProduct
from netcli.layers.lane_view import LaneView, PlainView
from netcli.layers.layer import Layer
from netcli.layers.windows import Windows
from netcli.runtime.blob import PLAIN, Blob, Shape
from netcli.runtime.cpu import lane_count
from netcli.schema import caffe_pb2 as pb

Geometry = tuple[Windows, int, int, int]
"""Windows, channels, outputs, groups."""


class Product(Protocol):
    """One geometry for one number of images. x, dx and y, dy: in lanes or plain, as the product is made for."""

    def forward(self, x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None, y: np.ndarray) -> None:
        """Writes y; ``bias`` has one value for each of its channels, or is None."""

    def backward_data(self, dy: np.ndarray, weights: np.ndarray, dx: np.ndarray) -> None:
        """Writes dx."""

    def backward_weights(
        self, x: np.ndarray, dy: np.ndarray, gradient: np.ndarray, bias_gradient: np.ndarray | None = None
    ) -> None:
        """Adds to ``gradient``, of the weights' shape, and to ``bias_gradient`` if there is one."""

    def backward_bias(self, dy: np.ndarray, gradient: np.ndarray) -> None:
        """Adds to ``gradient``, of the bias's shape."""


class BendingProduct(Protocol):
    """A product that can do a ReLU along, as those of convolutions can, and a sum before it if it ``adds``."""

    adds: ClassVar[bool]

    def forward(
        self,
        x: np.ndarray,
        weights: np.ndarray,
        bias: np.ndarray | None,
        y: np.ndarray,
        slopes: np.ndarray | None = None,
        added: np.ndarray | None = None,
    ) -> None:
        """As Product's; ``added`` is added, and then what is not above 0 multiplied by its channel's slope."""


@dataclass(frozen=True)
class Ready:
    """What computes it for a bottom of a shape, and how that sees the bottom, a top, and the gradient of the bottom."""

    shape: Shape
    images: int
    product: Product
    bottom_view: LaneView | PlainView
    top_view: LaneView | PlainView
    gradient_view: LaneView | PlainView


class WindowedProduct(Layer):
    """Base of the layers of this kind: each bottom gives the top of its position, with the same weights.

    ``setup`` of a subclass checks its fields and ends in ``_plan``. Where the product leads from the top to the
    bottom, ``transposed``, windows, channels, outputs and weights are those of that product.
    """

    transposed: ClassVar[bool] = False
    geometry: Geometry
    fold: Fold | None = None
    """What forward takes instead of the parameters, if the layers behind are to be done along."""
    _ready: Ready | None = None

    def _plan(
        self,
        *,
        axis: int,
        windows: Windows,
        channels: int,
        outputs: int,
        groups: int,
        weight_shape: Shape,
        settings: pb.ConvolutionParameter | pb.InnerProductParameter,
    ) -> None:
        """Declares the parameters and keeps the geometry; memory and tables are made by the first pass.

        Raises:
            ConfigError: a filler is not known or does not suit, see ``check_filler``.
        """
        if getattr(self, "geometry", None) != (windows, channels, outputs, groups):
            self._ready = None
        self.geometry = (windows, channels, outputs, groups)
        self._weight_view = (outputs, channels // groups, windows.taps)
        self.axis = axis
        assert self.param_field is not None
        self.declarations = [
            self.learnable(weight_shape, settings.weight_filler, self.param_field, "weight_filler", "type")
        ]
        if settings.bias_term:
            made = channels if self.transposed else outputs
            self.declarations.append(
                self.learnable((made,), settings.bias_filler, self.param_field, "bias_filler", "type")
            )

    def _check_num_output(self, num_output: int, field: str) -> None:
        if num_output == 0:
            raise self.error(
                "NC120", "num_output is missing", field, "num_output", expected="at least 1", actual="none or 0"
            )

    def _weights(self) -> np.ndarray:
        """What the inputs are multiplied by: the first parameter."""
        return self.params[0].values.read(PLAIN)

    def _as_weights(self, plain: np.ndarray) -> np.ndarray:
        """The first parameter, or its gradient, as a view (outputs, channels / groups, taps)."""
        return plain.reshape(self._weight_view)

    def ready_for(self, shape: Shape) -> Ready:
        """What computes it for a bottom of this shape."""
        ready = self._ready
        if ready is not None and ready.shape is shape:
            return ready
        images = math.prod(shape[: self.axis])
        if ready is None or ready.images != images:
            if self._is_small(images):
                view = PlainView(self.axis)
                ready = Ready(shape, images, self._small_product(images), view, view, view)
            else:
                views = LaneView(self.axis), LaneView(self.axis), LaneView(self.axis)
                ready = Ready(shape, images, self._lane_product(images), *views)
        self._ready = replace(ready, shape=shape)
        return ready

    def _is_small(self, images: int) -> bool:
        """Whether the product for so many images takes plain arrays instead of lanes."""
        return not self.transposed and fills_few_lanes(images, lane_count())

    def _small_product(self, images: int) -> Product:
        product = PointwiseProduct if is_pointwise(self.geometry[0], lane_count()) else TiledProduct
        return product(*self.geometry, self.context.dtype, images, self._tiling(images), self._weights_stamp)

    def _tiling(self, images: int) -> Tiling:
        return best_tiling(*self.geometry, images, lane_count(), self._summed_plainly, kept=not self.training)

    def _lane_product(self, images: int) -> Product:
        product = self._product_class(-(-images // lane_count()))(*self.geometry, self.context.dtype)
        return TransposedLaneProduct(product) if self.transposed else product

    def method(self, bottom_shapes: Sequence[Shape]) -> str:
        images = math.prod(bottom_shapes[0][: self.axis])
        if self._is_small(images):
            return self._small_method(images)
        return f"{'Winograd' if self._by_winograd(-(-images // lane_count())) else 'direct'}, images in lanes"

    def _small_method(self, images: int) -> str:
        if is_pointwise(self.geometry[0], lane_count()):
            return "direct, neighbouring positions in lanes"
        tiling = self._tiling(images)
        size = "x".join(map(str, tiling.side)) or "1"
        return f"{'Winograd' if tiling.by_winograd else 'direct'}, tiles of {size} in lanes"

    def is_direct_in_lanes(self, bottom_shape: Shape) -> bool:
        """Whether a ``LaneProduct`` computes it for such a bottom; known without a kernel."""
        images = math.prod(bottom_shape[: self.axis])
        direct = self._product_class(-(-images // lane_count())) is LaneProduct
        return direct and not (self.transposed or self._is_small(images))

    def _window_scratch(self, bottom_shapes: Sequence[Shape], propagate_down: Sequence[bool]) -> Sizes:
        """``scratch_sizes`` of layers whose weights are a window's."""
        images = math.prod(bottom_shapes[0][: self.axis])
        weights, data = self.runs_backward, self.transposed or any(propagate_down)
        if self._is_small(images):
            pointwise = is_pointwise(self.geometry[0], lane_count())
            return tiled_sizes(
                self.geometry, self._tiling(images), images, pointwise=pointwise, weights=weights, data=data
            )
        image_groups = -(-images // lane_count())
        if self._by_winograd(image_groups):
            return winograd_sizes(self.geometry, image_groups, weights=weights, data=data)
        return direct_sizes(self.geometry, image_groups, weights=weights, data=data)

    def _product_class(self, image_groups: int) -> type[LaneProduct]:
        return WinogradProduct if self._by_winograd(image_groups) else LaneProduct

    def _by_winograd(self, image_groups: int) -> bool:
        """Whether that is expected to be fastest."""
        return not self._summed_plainly and is_faster(*self.geometry, image_groups)

    @property
    def _summed_plainly(self) -> bool:
        """Whether the sum is to be computed as it stands, as Caffe does."""
        return self.param.convolution_param.engine == pb.ConvolutionParameter.CAFFE

    def _weights_stamp(self) -> int | None:
        """A number that stands for the present weights; None where they change from pass to pass, or unseen."""
        if self.training:
            return None
        return self.params[0].values.stamp if self.fold is None else self.fold.stamp

    def forward_parameters(self) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Weights as the product takes them, bias and slopes, if any."""
        bias: np.ndarray | None
        if self.fold is not None:
            weights, bias, slopes = self.fold.parameters()
            return self._as_weights(weights), bias, slopes
        bias = self.params[1].values.read(PLAIN) if len(self.params) > 1 else None
        return self._as_weights(self._weights()), bias, None

    def parameter_gradients(self) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Those of the weights, as the product takes them, and of the bias, to be added to; None if not wanted."""
        has_bias = len(self.params) > 1 and self.wants_gradient(1)
        return (
            self._as_weights(self.params[0].gradients.update(PLAIN)) if self.wants_gradient(0) else None,
            self.params[1].gradients.update(PLAIN) if has_bias else None,
        )

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        weights, bias, slopes = self.forward_parameters()
        for bottom, top in zip(bottoms, tops, strict=True):
            ready = self.ready_for(bottom.shape)
            x, y = ready.bottom_view.read(bottom.values), ready.top_view.write(top.values)
            if slopes is None:
                ready.product.forward(x, weights, bias, y)
            else:
                cast(BendingProduct, ready.product).forward(x, weights, bias, y, slopes)
            ready.top_view.store(top.values)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        weights = self._as_weights(self._weights())
        for top, wanted, bottom in zip(tops, propagate_down, bottoms, strict=True):
            ready = self.ready_for(bottom.shape)
            product, dy = ready.product, ready.top_view.read(top.gradients)
            weight_gradient, bias_gradient = self.parameter_gradients()
            if weight_gradient is not None:
                product.backward_weights(ready.bottom_view.read(bottom.values), dy, weight_gradient, bias_gradient)
            elif bias_gradient is not None:
                product.backward_bias(dy, bias_gradient)
            if wanted:
                product.backward_data(dy, weights, ready.gradient_view.write(bottom.gradients))
                ready.gradient_view.store(bottom.gradients)

    def macs(self, bottom_shapes: Sequence[Shape], top_shapes: Sequence[Shape]) -> int:
        """One for each output value, channel of its group and tap, taps in the padding included."""
        windows, channels, _, groups = self.geometry
        made = bottom_shapes if self.transposed else top_shapes
        return sum(math.prod(shape) for shape in made) * (channels // groups) * windows.taps
