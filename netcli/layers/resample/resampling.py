"""What the layers share that resample height and width: forward and backward by tables of weighted sums."""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.layer import Layer
from netcli.layers.resample.weights import AxisWeights, SumTable, plane_tables
from netcli.runtime.blob import LANES, Blob, Shape

_AXES = 4


class Resampling(Layer):
    """Base of Interp and Upsample; ``setup`` of a subclass ends in ``_plan``. Tables are made by the first pass."""

    _tables: tuple[SumTable, SumTable] | None = None

    def _plan(self, shape: Shape, top: Shape) -> None:
        self._shape, self._top_shape = shape, top
        self._tables = None

    def _axis_weights(self, inputs: int, outputs: int) -> AxisWeights:
        """What one axis of the resampling does."""
        raise NotImplementedError

    def _check_image(self, shape: Shape) -> None:
        if len(shape) != _AXES:
            raise self.error("NC122", "the bottom must be (N, C, H, W)", "bottom", 0, expected="4 axes", actual=shape)

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        table, _ = self._sum_tables()
        x, y = bottoms[0].values.read(LANES), tops[0].values.write(LANES)
        self.kernels.weighted_sums(x, table.starts, table.positions, table.weights, y)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if len(bottoms) > 1 and propagate_down[1]:
            bottoms[1].gradients.write(LANES).fill(0)
        if propagate_down[0]:
            _, table = self._sum_tables()
            dy, dx = tops[0].gradients.read(LANES), bottoms[0].gradients.write(LANES)
            self.kernels.weighted_sums(dy, table.starts, table.positions, table.weights, dx)

    def _sum_tables(self) -> tuple[SumTable, SumTable]:
        if self._tables is None:
            height, width = (
                self._axis_weights(inputs, outputs)
                for inputs, outputs in zip(self._shape[2:], self._top_shape[2:], strict=True)
            )
            self._tables = plane_tables(height, width, self.context.dtype)
        return self._tables
