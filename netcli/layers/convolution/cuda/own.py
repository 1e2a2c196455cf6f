"""Convolution on the device by netcli's own kernels: windows are gathered while tiles are loaded."""

from __future__ import annotations

import numpy as np

from netcli.layers.convolution.windowed_product import Geometry
from netcli.layers.windows import Windows, inputs_by_tap, outputs_by_tap
from netcli.runtime.cuda.device import current
from netcli.runtime.cuda.gemm import ACCUMULATES, HAS_BIAS, Scratch, sum_of_parts
from netcli.runtime.cuda.kernel import blocks_for
from netcli.runtime.cuda.memory import DeviceArray, device_array
from netcli.runtime.cuda.tiles import best_tile, split_depth, splits_of
from netcli.runtime.cuda.toolkit import SIMULATED
from netcli.runtime.cuda.window_products import DIRECT_BLOCK, GATHERED, WEIGHTS, gathered_directly, weights_directly

_LEAST_ROWS = 2 if SIMULATED else 8
"""With fewer rows in a group a tile would be nearly empty, and each result is computed by itself."""


class GatheredWindows:
    """One direction of the gathered product: forward, or the gradient by the input.

    Args:
        table: (taps, positions of the result), int32: the position that a tap sees, -1 for none. It is kept, flat.
        positions: those of the input, ``rows``, ``depth``: results and input channels of a group.
        weight_step, stride: from one input channel's weights, or one result's, to the next one's.
    """

    def __init__(
        self, table: np.ndarray, positions: int, rows: int, depth: int, groups: int, weight_step: int, stride: int
    ) -> None:
        taps, self._made = table.shape
        channels, tap = np.divmod(np.arange(depth * taps), taps)
        entries = np.stack((channels * weight_step + tap, channels * positions, tap * self._made)).astype(np.int32)
        self.table, self._entries = device_array(table.reshape(-1)), device_array(entries.reshape(-1))
        self._rows, self._depth, self._groups, self._stride = rows, depth * taps, groups, stride
        self._group_size = depth * positions

    def run(
        self, images: int, x: DeviceArray, weights: DeviceArray, bias: DeviceArray | None, out: DeviceArray
    ) -> None:
        """out (images, groups rows, positions) from x (images, groups depth, positions)."""
        rows, groups, columns = self._rows, self._groups, images * self._made
        mode = 0 if bias is None else HAS_BIAS
        arrays = (x, weights, weights if bias is None else bias, self.table, self._entries, out)
        sizes = (self._stride, weights.size // groups, groups * self._group_size, self._group_size)
        if rows < _LEAST_ROWS:
            count = columns * rows * groups
            blocks = blocks_for(count, DIRECT_BLOCK)
            gathered_directly(blocks, *arrays, rows, count, self._depth, self._made, *sizes, groups, mode)
            return
        tile = best_tile(rows, columns, groups, current().multiprocessors)
        grid = (-(-columns // tile.columns), -(-rows // tile.rows), groups)
        GATHERED[tile](grid, *arrays, rows, columns, self._depth, self._made, *sizes, mode)


class OwnProduct:
    """The product of one geometry; x, y and their gradients are flat and plain."""

    def __init__(self, windows: Windows, channels: int, outputs: int, groups: int, scratch: Scratch) -> None:
        self._geometry: Geometry = (windows, channels, outputs, groups)
        self._scratch = scratch
        depth = channels // groups
        self._forward = GatheredWindows(
            np.ascontiguousarray(inputs_by_tap(windows).T), windows.input_positions, outputs // groups, depth, groups,
            windows.taps, depth * windows.taps,
        )  # fmt: skip
        self._backward: GatheredWindows | None = None

    def forward(
        self, images: int, x: DeviceArray, weights: DeviceArray, bias: DeviceArray | None, y: DeviceArray
    ) -> None:
        """Writes y (images, outputs, positions); ``bias`` has a value for each output."""
        self._forward.run(images, x, weights, bias, y)

    def backward_data(
        self, images: int, dy: DeviceArray, weights: DeviceArray, bias: DeviceArray | None, dx: DeviceArray
    ) -> None:
        """Writes dx (images, channels, positions); ``bias``, of a transposed layer, has a value for each channel."""
        if self._backward is None:
            windows, channels, outputs, groups = self._geometry
            table = np.ascontiguousarray(outputs_by_tap(windows)[:, ::-1].T)
            rows = channels // groups
            self._backward = GatheredWindows(
                table, windows.output_positions, rows, outputs // groups, groups, rows * windows.taps, windows.taps
            )
        self._backward.run(images, dy, weights, bias, dx)

    def backward_weights(self, images: int, x: DeviceArray, dy: DeviceArray, gradient: DeviceArray) -> None:
        """Adds to ``gradient`` (outputs, channels / groups, taps)."""
        windows, channels, outputs, groups = self._geometry
        rows, columns, positions = outputs // groups, channels // groups * windows.taps, windows.output_positions
        size = channels * windows.input_positions
        x_sizes = (groups, windows.input_positions, size, size // groups)
        if rows < _LEAST_ROWS:
            weights_directly(
                outputs * columns, dy, x, self._forward.table, gradient, rows, columns, images, positions,
                windows.taps, *x_sizes,
            )  # fmt: skip
            return
        depth = images * positions
        tile = best_tile(rows, columns, groups, current().multiprocessors)
        part, splits = split_depth(
            depth, splits_of(tile, rows, columns, groups, depth, current().multiprocessors), tile
        )
        count = outputs * columns
        target = gradient if splits == 1 else self._scratch("parts of a product", splits * count)
        grid = (-(-columns // tile.columns), -(-rows // tile.rows), groups * splits)
        WEIGHTS[tile](
            grid, dy, x, self._forward.table, target, rows, columns, depth, positions, windows.taps, *x_sizes, part,
            ACCUMULATES if splits == 1 else 0,
        )  # fmt: skip
        if splits > 1:
            sum_of_parts(target, target, gradient, count, columns, splits, ACCUMULATES)
