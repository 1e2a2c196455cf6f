"""What layers share that multiply sliding windows by weights: parameters, forward and backward."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from netcli.layers.convolution.lane_product import LaneProduct, TransposedLaneProduct
from netcli.layers.convolution.winograd.geometry import is_faster
from netcli.layers.convolution.winograd.product import WinogradProduct
from netcli.layers.lane_view import LaneView
from netcli.layers.layer import Layer
from netcli.layers.windows import Windows
from netcli.runtime.blob import PLAIN, Blob, Shape
from netcli.schema import caffe_pb2 as pb

Geometry = tuple[Windows, int, int, int]
"""Windows, channels, outputs, groups."""


class WindowedProduct(Layer):
    """Base of the layers of this kind: each bottom gives the top of its position, with the same weights.

    ``setup`` of a subclass checks its fields and ends in ``_plan``. Where the product leads from the top to the
    bottom, ``transposed``, windows, channels, outputs and weights are those of that product.
    """

    transposed: ClassVar[bool] = False
    _geometry: Geometry
    _product: tuple[tuple[Geometry, int], LaneProduct | TransposedLaneProduct] | None = None

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
        self._geometry = (windows, channels, outputs, groups)
        self._bottom_lanes, self._top_lanes, self._bottom_gradient_lanes = (LaneView(axis) for _ in range(3))
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
        windows, channels, outputs, groups = self._geometry
        return plain.reshape(outputs, channels // groups, windows.taps)

    def _lane_product(self, image_groups: int) -> LaneProduct | TransposedLaneProduct:
        """What computes it for so many groups of images."""
        key = (self._geometry, image_groups)
        if self._product is None or self._product[0] != key:
            product = self._product_class(image_groups)(*self._geometry, self.context.dtype)
            self._product = (key, TransposedLaneProduct(product) if self.transposed else product)
        return self._product[1]

    def _product_class(self, image_groups: int) -> type[LaneProduct]:
        """The plain sum, as Caffe has it, for ``engine: CAFFE``; otherwise what is expected to be fastest."""
        summed_plainly = self.param.convolution_param.engine == pb.ConvolutionParameter.CAFFE
        if not summed_plainly and is_faster(*self._geometry, image_groups):
            return WinogradProduct
        return LaneProduct

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        weights = self._as_weights(self._weights())
        bias = self.params[1].values.read(PLAIN) if len(self.params) > 1 else None
        for bottom, top in zip(bottoms, tops, strict=True):
            x = self._bottom_lanes.read(bottom.values)
            self._lane_product(len(x)).forward(x, weights, bias, self._top_lanes.write(top.values))
            self._top_lanes.store(top.values)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        weights = self._as_weights(self._weights())
        for top, wanted, bottom in zip(tops, propagate_down, bottoms, strict=True):
            dy = self._top_lanes.read(top.gradients)
            product = self._lane_product(len(dy))
            if self.wants_gradient(0):
                weight_gradient = self._as_weights(self.params[0].gradients.update(PLAIN))
                product.backward_weights(self._bottom_lanes.read(bottom.values), dy, weight_gradient)
            if len(self.params) > 1 and self.wants_gradient(1):
                product.backward_bias(dy, self.params[1].gradients.update(PLAIN))
            if wanted:
                product.backward_data(dy, weights, self._bottom_gradient_lanes.write(bottom.gradients))
                self._bottom_gradient_lanes.store(bottom.gradients)

    def macs(self, bottom_shapes: Sequence[Shape], top_shapes: Sequence[Shape]) -> int:
        """One for each output value, channel of its group and tap, taps in the padding included."""
        windows, channels, _, groups = self._geometry
        made = bottom_shapes if self.transposed else top_shapes
        return sum(math.prod(shape) for shape in made) * (channels // groups) * windows.taps
