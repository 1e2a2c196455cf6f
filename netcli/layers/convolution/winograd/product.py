"""The product of 3 x 3 windows at stride 1 and weights by Winograd's algorithm: tables, room and calls of kernels."""

from __future__ import annotations

import functools

import numpy as np

from netcli.layers.convolution.lane_product import LaneProduct
from netcli.layers.convolution.winograd.geometry import OUTPUTS, TILE, tile_positions, turned
from netcli.layers.windows import Windows
from netcli.runtime.scratch import scratch

TILES_AT_ONCE = 4
"""Tiles whose frequencies stay in the second cache while the filters pass by."""
CACHE_VALUES = 400_000
"""Values of a block of tiles of x and dy."""
LARGE_SUMS = 200 * 200
"""Channels times outputs from which each chunk of the tiles cannot have sums of its own."""
CHUNKS = 8
LEAST_CHUNK = 10
"""Tiles that are worth sums of their own."""
TILES_IN_ALL = 64
"""Tiles whose frequencies of all threads together are there at once, where sums are large."""
FILTER_ROOM = "packed"
"""Transformed filters, and in another pass the sums that become their gradient, which are as large."""
TILE_ROOM = "tiles"
"""Frequencies of tiles: those of a few for each thread, or those of x for all threads together."""


class WinogradProduct(LaneProduct):
    """One geometry with its tables, of 3 x 3 windows at stride 1 and dilation 1."""

    adds = False

    def __init__(self, windows: Windows, channels: int, outputs: int, groups: int, dtype: np.dtype) -> None:
        super().__init__(windows, channels, outputs, groups, dtype)
        from netcli.layers.convolution.winograd import cpu as winograd_cpu

        self._winograd = winograd_cpu
        self._no_bias = np.zeros(self._height, dtype)
        self._tables = functools.cache(self._make_tables)

    def backward_weights(
        self, x: np.ndarray, dy: np.ndarray, gradient: np.ndarray, bias_gradient: np.ndarray | None = None
    ) -> None:
        """Adds to ``gradient``, of the weights' shape, and to ``bias_gradient`` if there is one."""
        lanes = x.shape[3]
        columns = self._winograd.COLUMNS
        group_channels, group_outputs = self._channels // self._groups, self._outputs // self._groups
        blocks = -(-group_outputs // columns)
        inputs, outputs = self._tables(self._windows, self._channels, self._outputs, lanes)
        tiles = len(x) * len(inputs)
        places = scratch("places", (self.threads, OUTPUTS), np.dtype(np.int32))
        pixels = self._winograd.PIXEL_VALUES
        if group_channels * group_outputs < LARGE_SUMS:
            at_once = max(1, CACHE_VALUES // (2 * TILE * (group_channels + columns) * lanes))
            steps = np.arange(at_once, dtype=np.int32) * group_channels
            chunks = min(CHUNKS, -(-tiles // LEAST_CHUNK))
            sums = scratch(FILTER_ROOM, (chunks, self._groups, blocks, TILE, group_channels, columns), self.dtype)
            room = self._room(at_once * (group_channels + columns) + 2, lanes, pixels)
            self._winograd.correlate_tiles(
                x, inputs, dy, outputs, self._groups, self._height, at_once, steps, room, places, sums
            )
        else:
            sums = scratch(FILTER_ROOM, (1, self._groups, blocks, TILE, group_channels, columns), self.dtype)
            for first in range(0, tiles, TILES_IN_ALL):
                count = min(TILES_IN_ALL, tiles - first)
                v = scratch(TILE_ROOM, (self._groups, TILE, count, group_channels, lanes), self.dtype)
                d = scratch("d", (self._groups, blocks, TILE, count, lanes, columns), self.dtype)
                room = scratch("pixels", (self.threads, pixels), self.dtype)
                self._winograd.transform_tiles(x, inputs, dy, outputs, self._groups, first, v, d, room, places)
                steps = np.arange(count, dtype=np.int32) * group_channels
                self._winograd.correlate_frequencies(v, d, self._outputs, self._height, steps, first == 0, sums)
        self._winograd.add_tile_gradients(sums, gradient)
        if bias_gradient is not None:
            self.backward_bias(dy, bias_gradient)

    def packed(self, weights: np.ndarray, for_backward: bool) -> np.ndarray:
        """The transformed filters."""
        made, summed = (self._channels, self._outputs) if for_backward else (self._outputs, self._channels)
        blocks = -(-made // self._groups // self._height)
        filters = scratch(FILTER_ROOM, (TILE, self._groups, blocks, summed // self._groups, self._lanes), self.dtype)
        self._winograd.transform_filters(weights, self._groups, for_backward, filters)
        return filters

    def multiply(
        self,
        source: np.ndarray,
        packed: np.ndarray,
        constant: np.ndarray | None,
        target: np.ndarray,
        for_backward: bool,
        slopes: np.ndarray | None = None,
        added: np.ndarray | None = None,
    ) -> None:
        """As LaneProduct's, with nothing ``added``."""
        assert added is None, "sums are not made here"
        constant = self._zeros if constant is None else constant
        slopes = self._zeros[:0] if slopes is None else slopes
        lanes, blocks = source.shape[3], packed.shape[2]
        summed, made = source.shape[2] // self._groups, target.shape[2] // self._groups
        windows = turned(self._windows) if for_backward else self._windows
        inputs, outputs = self._tables(windows, source.shape[2], target.shape[2], lanes)
        tiles = len(source) * len(inputs)
        parts = -(-tiles // TILES_AT_ONCE)
        splits = min(blocks, -(-self.threads // (parts * self._groups)))
        room = self._room(-(-tiles // parts) * (summed + made) + 2, lanes)
        runs, one_run = np.array([[0, summed, 0, 0]], np.int32), np.array([0, 1], np.int32)
        pairs = np.arange(tiles // parts + 2, dtype=np.int32)
        self._winograd.multiply_frequencies(
            source, inputs, packed, constant, slopes, self._groups, parts, splits, runs, one_run, pairs, self._no_bias,
            room, outputs, target,
        )  # fmt: skip

    def _room(self, rows: int, lanes: int, more: int = 0) -> np.ndarray:
        """For each thread the frequencies of ``rows`` rows of lanes, and ``more`` values."""
        return scratch(TILE_ROOM, (self.threads, TILE * rows * lanes + more), self.dtype)

    def _make_tables(self, windows: Windows, channels: int, outputs: int, lanes: int) -> tuple[np.ndarray, np.ndarray]:
        """The tables ``inputs`` and ``outputs`` of the kernels for values that stand in so many channels."""
        inputs, targets = (
            np.where(positions < 0, -1, positions * width * lanes).astype(np.int32)
            for positions, width in zip(tile_positions(windows), (channels, outputs), strict=True)
        )
        return inputs, targets
