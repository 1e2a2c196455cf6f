"""Im2col: the values that a Convolution's windows see, as channels.

    y[n, c T + t, o] = x[n, c, o stride - pad + t dilation], 0 outside the input
    dx = the sum of dy over all places where x stands in y

with o and t having one index an axis, and T the number of taps t.

x: (N, C, spatial...) -> y: (N, C T, spatial'...), see Convolution; all axes before ``axis`` count as N. It reads
``convolution_param`` without num_output and group. Source: Caffe's im2col_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.convolution.geometry import channel_axis, convolution_windows
from netcli.layers.lane_view import LaneView
from netcli.layers.layer import Layer
from netcli.layers.registry import register
from netcli.layers.windows import backward_runs, forward_runs
from netcli.runtime.blob import Blob, Shape


@register("Im2col", v1="IM2COL", param="convolution_param")
class Im2col(Layer):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N..., C, spatial...) -> (N..., C T, spatial'...).

        Raises:
            ConfigError: NC120 for a missing kernel, NC121 for values out of range, NC123 for the axis, NC126 for
                fields that exclude each other.
        """
        shape = bottom_shapes[0]
        axis = channel_axis(self, bottom_shapes)
        self._windows = convolution_windows(self, shape[axis + 1 :])
        self._source_lanes, self._target_lanes = LaneView(axis), LaneView(axis)
        return [(*shape[:axis], shape[axis] * self._windows.taps, *self._windows.outputs)]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        x = self._source_lanes.read(bottoms[0].values)
        y = self._target_lanes.write(tops[0].values)
        self.kernels.windows_to_channels(x, *forward_runs(self._windows), y)
        self._target_lanes.store(tops[0].values)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        dy = self._target_lanes.read(tops[0].gradients)
        dx = self._source_lanes.write(bottoms[0].gradients)
        self.kernels.channels_to_windows(dy, *backward_runs(self._windows), dx)
        self._source_lanes.store(bottoms[0].gradients)
