"""Tile: repeats a blob along an axis (1 by default).

    y = [x, x, ..., x]                       ``tiles`` times
    dx = the sum of the parts of dy

x: any shape with the axis -> y: the same, ``tiles`` times as large along it. Source: Caffe's tile_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer
from netcli.layers.logical_axes import axes_view, place_for_axis
from netcli.layers.registry import register
from netcli.runtime.blob import Blob, Shape


@register("Tile", param="tile_param")
class Tile(Layer):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape with the axis) -> larger along it.

        Raises:
            ConfigError: NC120 for missing tiles, NC121 for less than one, NC123 for an axis out of range.
        """
        settings = self.param.tile_param
        shape = bottom_shapes[0]
        axis = self.axis = self.canonical_axis(settings.axis, len(shape), "tile_param", "axis")
        if not settings.HasField("tiles"):
            raise self.error("NC120", "tiles is missing", "tile_param", expected="at least 1")
        if settings.tiles < 1:
            raise self.error(
                "NC121", "tiles is out of range", "tile_param", "tiles", expected="at least 1", actual=settings.tiles
            )
        return [(*shape[:axis], shape[axis] * settings.tiles, *shape[axis + 1 :])]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        place = place_for_axis([bottoms[0].values], self.axis)
        x = axes_view(bottoms[0].values.read(place), place, bottoms[0].shape)
        y = axes_view(tops[0].values.write(place), place, tops[0].shape)
        np.copyto(self._tiles(y), np.expand_dims(x, self.axis))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        place = place_for_axis([tops[0].gradients], self.axis)
        dy = axes_view(tops[0].gradients.read(place), place, tops[0].shape)
        dx = axes_view(bottoms[0].gradients.write(place), place, bottoms[0].shape)
        np.sum(self._tiles(dy), axis=self.axis, out=dx)

    def _tiles(self, view: np.ndarray) -> np.ndarray:
        """The top's ``view`` with one axis more, that of the tiles, in front of the tiled one."""
        tiles, axis = self.param.tile_param.tiles, self.axis
        return view.reshape(*view.shape[:axis], tiles, view.shape[axis] // tiles, *view.shape[axis + 1 :])
