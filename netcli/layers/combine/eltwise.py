"""Eltwise: blobs of one shape, joined element by element.

    SUM    y = sum_i c_i x_i               dx_i = c_i dy
    PROD   y = prod_i x_i                  dx_i = dy prod_(j != i) x_j
    MAX    y = max_i x_i                   dx_i = dy where x_i was chosen, else 0

x_i: any shape, the same for all -> y: the same. c_i: ``coeff``, 1 by default. The gradient of PROD is always the
product of the other factors, which ``stable_prod_grad: false`` lets Caffe compute as y / x_i: that is the same but
where a factor is 0. MAX chooses the second of the first two if they are equal, and else the first of equals, as in
Caffe; a NaN is larger than every number. Source: Caffe's eltwise_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer
from netcli.layers.registry import register
from netcli.runtime.blob import LANES, PLAIN, Blob, Place, Shape, aligned_zeros
from netcli.schema import caffe_pb2 as pb

_Operation = pb.EltwiseParameter


@register("Eltwise", v1="ELTWISE", param="eltwise_param", bottoms=(2, None))
class Eltwise(Layer):
    _chosen: np.ndarray | None = None
    _chosen_place = PLAIN

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(equal shapes) -> the same.

        Raises:
            ConfigError: NC121 for a wrong number of coefficients, NC124 for shapes that differ, NC126 for
                coefficients of a product.
        """
        settings = self.param.eltwise_param
        shape = bottom_shapes[0]
        for index, other in enumerate(bottom_shapes):
            if other != shape:
                raise self.error(
                    "NC124", "all bottoms must have one shape", "bottom", index, expected=shape, actual=other
                )
        given = len(settings.coeff)
        if given and settings.operation == _Operation.PROD:
            raise self.error("NC126", "coeff is for SUM, not for PROD", "eltwise_param", "coeff", 0)
        if given not in (0, len(bottom_shapes)):
            raise self.error(
                "NC121",
                "wrong number of coeff values",
                "eltwise_param",
                "coeff",
                0,
                expected=f"{len(bottom_shapes)}, one for each bottom, or none",
                actual=given,
            )
        coefficients = list(settings.coeff) or [1.0] * len(bottom_shapes)
        self.coefficients = [self.real(value) for value in coefficients]
        return [shape]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        place = LANES if any(bottom.values.home() is LANES for bottom in bottoms) else PLAIN
        values = [bottom.values.read(place).reshape(-1) for bottom in bottoms]
        y = tops[0].values.write(place).reshape(-1)
        operation = self.param.eltwise_param.operation
        if operation == _Operation.SUM:
            self._sum(values, y)
        elif operation == _Operation.PROD:
            self._product(values, y)
        else:
            self._maximum(values, place, y)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        operation = self.param.eltwise_param.operation
        place = self._chosen_place if operation == _Operation.MAX else tops[0].gradients.home()
        dy = tops[0].gradients.read(place).reshape(-1)
        for index, (bottom, wanted) in enumerate(zip(bottoms, propagate_down, strict=True)):
            if not wanted:
                continue
            dx = bottom.gradients.write(place).reshape(-1)
            if operation == _Operation.SUM:
                self.kernels.scaled(dy, self.coefficients[index], dx)
            elif operation == _Operation.PROD:
                others = [other for position, other in enumerate(bottoms) if position != index]
                self._product([dy, *(other.values.read(place).reshape(-1) for other in others)], dx)
            else:
                self.kernels.chosen_gradient(dy, self._chosen, index, dx)

    def kept_shapes(self, bottom_shapes: Sequence[Shape], top_shapes: Sequence[Shape]) -> list[Shape]:
        return [top_shapes[0]] if self.param.eltwise_param.operation == _Operation.MAX else []

    def _sum(self, values: Sequence[np.ndarray], y: np.ndarray) -> None:
        left, scale = values[0], self.coefficients[0]
        for right, coefficient in zip(values[1:], self.coefficients[1:], strict=True):
            self.kernels.weighted_sum(left, scale, right, coefficient, y)
            left, scale = y, self.real(1)

    def _product(self, values: Sequence[np.ndarray], y: np.ndarray) -> None:
        left = values[0]
        for right in values[1:]:
            self.kernels.multiply(left, right, y)
            left = y

    def _maximum(self, values: Sequence[np.ndarray], place: Place, y: np.ndarray) -> None:
        if self._chosen is None or self._chosen.shape != y.shape:
            self._chosen = aligned_zeros(y.shape, np.dtype(np.int32))
        self._chosen.fill(0)
        self._chosen_place = place
        left = values[0]
        for index, right in enumerate(values[1:], start=1):
            self.kernels.larger(left, right, index, y, self._chosen)
            left = y
