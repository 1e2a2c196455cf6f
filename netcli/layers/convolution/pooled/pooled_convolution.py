"""A convolution and the max pooling behind it as one step, where nobody reads the blob between them.

The result of the convolution is made in bands, of one row of pooling windows each, in memory that stays in the cache;
what the largest values are is all that leaves it. A first layer, whose data gradient nobody wants, goes backward alike:
the gradients of the windows are led back for some positions at a time, which the weight gradient uses at once. Values
and gradients are those of the layers one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from netcli.layers.convolution.convolution import Convolution
from netcli.layers.convolution.lane_product import LaneProduct
from netcli.layers.convolution.pooled.bands import band_table, bands_of, overlap
from netcli.layers.convolution.tap_tables import PairedRuns, paired_runs
from netcli.layers.convolution.tasks import has_few_positions
from netcli.layers.convolution.weight_gradient.product import Unpooled
from netcli.layers.convolution.windowed_product import Geometry
from netcli.layers.pooling.pooling import Pooling
from netcli.layers.windows import Table, Windows, inputs_of_outputs, outputs_of_inputs
from netcli.runtime.blob import LANES, Blob, Shape
from netcli.runtime.cpu import lane_count
from netcli.runtime.scratch import scratch
from netcli.schema import caffe_pb2 as pb

_LARGEST_BAND = 1 << 17
"""Values of a band that stays in the second cache."""


def can_be_pooled(convolution: Convolution, pooling: Pooling) -> bool:
    """Whether the settings of both allow it."""
    method = pooling.param.pooling_param.pool
    return convolution.axis == 1 and method == pb.PoolingParameter.MAX and len(pooling.param.top) == 1


@dataclass(frozen=True)
class _Plan:
    """The tables of one geometry of both, see the kernel, and the values of the largest band; ``zeros``: no bias."""

    bands: np.ndarray
    pairs: PairedRuns
    pooled: Table
    spread: Table
    values: int
    zeros: np.ndarray
    lowest: np.floating


class PooledConvolution:
    """``convolution`` and ``pooling`` of a net, of one bottom and one top each, for which ``can_be_pooled`` is true."""

    def __init__(self, convolution: Convolution, pooling: Pooling) -> None:
        self._convolution = convolution
        self._pooling = pooling
        self._planned: tuple[Geometry, Windows, Shape] | None = None
        self._plan: _Plan | None = None

    def suits(self, bottom_shape: Shape) -> bool:
        """Whether forward pays for such a bottom: summed directly in lanes, of small bands that do not overlap."""
        return self._plan_for(bottom_shape) is not None

    def suits_backward(self, bottom_shape: Shape) -> bool:
        """Whether ``backward`` can follow the forward pass that has been."""
        if not (self._convolution.wants_gradient(0) and self._pooling.ran_in_lanes and self.suits(bottom_shape)):
            return False
        return self._product(bottom_shape).weight_gradient.takes_unpooled(-(-bottom_shape[0] // lane_count()))

    def forward(self, bottom: Blob, top: Blob) -> None:
        """From the bottom of the convolution to the top of the pooling."""
        from netcli.layers.convolution.pooled.cpu import multiply_and_pool

        product, plan = self._product(bottom.shape), self._plan_for(bottom.shape)
        assert plan is not None, "a shape that it does not suit"
        weights, bias, slopes = self._convolution.forward_parameters()
        y, chosen = self._pooling.lane_results(top)
        room = scratch("band", (product.threads, plan.values), product.dtype)
        multiply_and_pool(
            bottom.values.read(LANES), plan.pairs.pairs, plan.pairs.bands, plan.pairs.starts, plan.pairs.runs,
            product.packed(weights, False), plan.zeros if bias is None else bias,
            plan.zeros[:0] if slopes is None else slopes, len(plan.zeros), plan.bands, *plan.pooled, plan.lowest, room,
            y, chosen,
        )  # fmt: skip

    def backward(self, top: Blob, bottom: Blob) -> None:
        """Adds to the gradients of the convolution's parameters what that of the pooling's top leads to."""
        plan = self._plan_for(bottom.shape)
        assert plan is not None, "a shape that it does not suit"
        weights, bias = self._convolution.parameter_gradients()
        assert weights is not None, "weights without a gradient"
        unpooled = Unpooled(*self._pooling.lane_gradients(top), *plan.spread)
        self._product(bottom.shape).weight_gradient.add(bottom.values.read(LANES), unpooled, weights, bias)

    def _product(self, bottom_shape: Shape) -> LaneProduct:
        return cast(LaneProduct, self._convolution.ready_for(bottom_shape).product)

    def _plan_for(self, shape: Shape) -> _Plan | None:
        """That of the present geometry for a bottom of ``shape``, made without a kernel; None if it does not suit."""
        convolution, pooling = self._convolution, self._pooling.windows
        known = self._planned
        if known is None or not (known[0] is convolution.geometry and known[1] is pooling and known[2] is shape):
            self._planned = (convolution.geometry, pooling, shape)
            direct = convolution.is_direct_in_lanes(shape)
            self._plan = _plan_of(convolution.geometry, pooling, convolution.context.dtype) if direct else None
        return self._plan


def _plan_of(geometry: Geometry, pooling: Windows, dtype: np.dtype) -> _Plan | None:
    windows, channels, outputs, groups = geometry
    bands = bands_of(pooling)
    values = max(band.end - band.first for band in bands) * outputs * lane_count()
    if has_few_positions(windows) or overlap(bands) or values > _LARGEST_BAND:
        return None
    ranges = [(band.first, band.end) for band in bands]
    pairs = paired_runs(windows, 1, channels, groups, False, ranges).in_values(lane_count())
    lowest = dtype.type(np.finfo(dtype).min)
    return _Plan(
        band_table(bands), pairs, inputs_of_outputs(pooling), outputs_of_inputs(pooling), values,
        np.zeros(outputs, dtype), lowest,
    )  # fmt: skip
