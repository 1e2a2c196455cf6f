"""How large the scratch of each product is, as values by name: known from the shapes, before any kernel is there.

The products themselves ask for it as they go; a test holds both against each other.
"""

from __future__ import annotations

import math

import numpy as np

from netcli.layers.convolution.few_images.tiling import Tiling, tile_counts
from netcli.layers.convolution.weight_gradient import product as weight_gradient
from netcli.layers.convolution.winograd.geometry import OUTPUTS, TILE, tile_count
from netcli.layers.convolution.winograd.product import (
    CACHE_VALUES,
    CHUNKS,
    FILTER_ROOM,
    LARGE_SUMS,
    LEAST_CHUNK,
    TILE_ROOM,
    TILES_AT_ONCE,
    TILES_IN_ALL,
)
from netcli.layers.windows import Windows
from netcli.runtime.cpu import lane_count
from netcli.runtime.threads import pool_size
from netcli.runtime.tile_shape import COLUMN_VECTORS, tile_height

Sizes = dict[str, int]
Geometry = tuple[Windows, int, int, int]
"""Windows, channels, outputs, groups."""


def largest(*all_sizes: Sizes) -> Sizes:
    """What serves each of them, one after the other."""
    merged: Sizes = {}
    for sizes in all_sizes:
        for name, size in sizes.items():
            merged[name] = max(size, merged.get(name, 0))
    return merged


def direct_sizes(geometry: Geometry, image_groups: int, *, weights: bool, data: bool) -> Sizes:
    """Of a LaneProduct: forward, with the gradients of weights and data where they are wanted."""
    windows, channels, outputs, groups = geometry
    lanes, columns = lane_count(), COLUMN_VECTORS * lane_count()
    packed = _packed(outputs, channels, groups)
    sizes = {"packed": windows.taps * (max(packed, _packed(channels, outputs, groups)) if data else packed)}
    if weights:
        rows = windows.taps * (channels // groups)
        parts = weight_gradient.parts_of(windows, channels, outputs, groups, image_groups * windows.output_positions)
        tasks = parts.chunks * groups * parts.blocks
        sizes["sums"] = tasks * rows * columns
        sizes["lane sums"] = parts.chunks * groups * rows * parts.by_lanes * lanes
        sizes["bias sums"] = parts.chunks * outputs * lanes
        sizes["transposed"] = tasks * weight_gradient.ITEMS_AT_ONCE * lanes * columns
    return sizes


def winograd_sizes(geometry: Geometry, image_groups: int, *, weights: bool, data: bool) -> Sizes:
    """The same of a WinogradProduct."""
    windows, channels, outputs, groups = geometry
    lanes, columns = lane_count(), COLUMN_VECTORS * lane_count()
    inputs, made = channels // groups, outputs // groups
    tiles = image_groups * tile_count(windows.outputs)
    sizes = _winograd_pass(outputs, channels, groups, tiles)
    if data:
        sizes = largest(sizes, _winograd_pass(channels, outputs, groups, image_groups * tile_count(windows.inputs)))
    if not weights:
        return sizes
    sizes["bias sums"] = weight_gradient.bias_parts(image_groups * windows.output_positions) * outputs * lanes
    blocks = -(-made // columns)
    sums = groups * blocks * TILE * inputs * columns
    if inputs * made < LARGE_SUMS:
        at_once = max(1, CACHE_VALUES // (2 * TILE * (inputs + columns) * lanes))
        room = TILE * (at_once * (inputs + columns) + 2) * lanes + OUTPUTS * lanes * columns
        own = {FILTER_ROOM: min(CHUNKS, -(-tiles // LEAST_CHUNK)) * sums, TILE_ROOM: pool_size() * room}
    else:
        count = min(TILES_IN_ALL, tiles)
        own = {
            FILTER_ROOM: sums,
            TILE_ROOM: groups * TILE * count * inputs * lanes,
            "d": groups * blocks * TILE * count * lanes * columns,
            "pixels": pool_size() * OUTPUTS * lanes * columns,
        }
    return largest(sizes, own)


def tiled_sizes(
    geometry: Geometry, tiling: Tiling, images: int, *, pointwise: bool, weights: bool, data: bool
) -> Sizes:
    """The same of a TiledProduct; ``pointwise``: of a PointwiseProduct, which has tiles only for weights."""
    windows, channels, outputs, groups = geometry
    lanes, tile = lane_count(), tiling.windows
    image_groups = -(-images * math.prod(tile_counts(windows.outputs, tiling.side)) // lanes)
    inner = (tile, channels, outputs, groups)
    turned = data and set(windows.stride) == {1}
    product = winograd_sizes if tiling.by_winograd else direct_sizes
    sizes = product(inner, image_groups, weights=weights, data=data and not (turned and tiling.by_winograd))
    sizes["bias sums"] = 0  # they are those of plain arrays
    if turned and tiling.by_winograd:
        back = _winograd_pass(channels, outputs, groups, image_groups * tile_count(tiling.side))
        sizes = largest(sizes, back)
    if pointwise and not weights:
        return sizes
    result_positions = tile.input_positions if turned and not pointwise else tile.output_positions
    patches = {
        "patches": image_groups * tile.input_positions * channels * lanes,
        "results": image_groups * result_positions * outputs * lanes,
    }
    return largest(sizes, patches)


def _winograd_pass(made: int, summed: int, groups: int, tiles: int) -> Sizes:
    """Of a pass forward, or of one that leads back to the data."""
    parts = -(-tiles // TILES_AT_ONCE)
    rows = -(-tiles // parts) * (made + summed) // groups + 2
    room = pool_size() * TILE * rows * lane_count()
    return {FILTER_ROOM: TILE * _packed(made, summed, groups), TILE_ROOM: room}


def _packed(made: int, summed: int, groups: int) -> int:
    """Of weights of one tap: outputs are filled up to tiles, whose rows to lanes."""
    height = tile_height(np.dtype(np.float32))
    return groups * -(-made // groups // height) * (summed // groups) * lane_count()
