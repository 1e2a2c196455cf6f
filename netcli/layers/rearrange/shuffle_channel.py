"""ShuffleChannel: deals the channels of every group out to all groups.

    y[:, j g + i] = x[:, i C / g + j]        for i below g, j below C / g

with g = ``group``: the channels are read as a table of g rows, and written column by column.

x: (N, C, ...) -> y: the same. Fork: ShuffleNet (farmingyard/ShuffleNet); Zhang et al., "ShuffleNet", CVPR 2018.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer
from netcli.layers.logical_axes import axes_view, place_for_axis
from netcli.layers.registry import register
from netcli.runtime.blob import Blob, Replicas, Shape


@register("ShuffleChannel", param="shuffle_channel_param", fork="ShuffleNet (farmingyard/ShuffleNet)")
class ShuffleChannel(Layer):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N, C, ...) -> the same. Raises ConfigError NC121 unless ``group`` divides C, NC122 without channels."""
        shape = bottom_shapes[0]
        if len(shape) < 2:
            raise self.error("NC122", "the bottom has no channels", "bottom", 0, expected="(N, C, ...)", actual=shape)
        group = self.param.shuffle_channel_param.group
        if group == 0 or shape[1] % group:
            raise self.error(
                "NC121",
                "group does not divide the channels of the bottom",
                "shuffle_channel_param",
                "group",
                expected=f"a divisor of {shape[1]}",
                actual=group,
            )
        self.rows = group
        return [shape]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        self._transpose(bottoms[0].values, tops[0].values, self.rows)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if propagate_down[0]:
            self._transpose(tops[0].gradients, bottoms[0].gradients, tops[0].shape[1] // self.rows)

    @staticmethod
    def _transpose(source: Replicas, target: Replicas, rows: int) -> None:
        """Reads the channels as a table of ``rows`` and writes its columns one after the other."""
        place = place_for_axis([source], 1)
        x = axes_view(source.read(place), place, source.shape)
        y = axes_view(target.write(place), place, target.shape)
        columns = source.shape[1] // rows
        for row in range(rows):
            np.copyto(y[:, row::rows], x[:, row * columns : (row + 1) * columns])
