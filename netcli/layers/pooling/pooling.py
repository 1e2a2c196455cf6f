"""Pooling: the largest value or the mean of each window over height and width.

    MAX: y[q] = max of x[p] over p in the window q; dx[p] = sum of dy[q] over the windows that chose p
    AVE: y[q] = sum of x[p] over p in the window q, over s[q]; dx[p] = sum of dy[q] / s[q] over the windows with p

s is the window's size clipped to the padded image, not the count of real pixels. MAX chooses the first of equal
values in C order; a NaN in a window is its result. An empty window (a stride beyond the kernel can give one
behind the image) is the lowest finite number for MAX and 0 for AVE.

x: (N, C, H, W) -> y: (N, C, H', W'), H' = ceil((H + 2 pad - kernel) / stride) + 1, rounded down with
``round_mode: FLOOR`` or ``ceil_mode: false``, and one less if there is padding and the last window would start
behind the image.
MAX has an optional second top, of the same shape: the index h W + w of the value chosen, not differentiable.
``engine`` chooses between Caffe's implementations and changes nothing here. Source: Caffe's pooling_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer
from netcli.layers.pooling.geometry import average_sizes, pooling_windows
from netcli.layers.registry import register
from netcli.layers.windows import Windows, inputs_of_outputs, outputs_of_inputs
from netcli.runtime.blob import LANES, Blob, Shape, aligned_zeros
from netcli.schema import caffe_pb2 as pb

_AXES = 4


@register("Pooling", v1="POOLING", param="pooling_param", tops=(1, 2))
class Pooling(Layer):
    _windows: Windows
    _sizes: np.ndarray | None = None
    _chosen: np.ndarray | None = None

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N, C, H, W) -> (N, C, H', W'), twice with a mask.

        Raises:
            ConfigError: NC103 for a mask of AVE, NC120 for a missing kernel, NC121 for values out of range or a
                kernel that does not fit, NC122 for a bottom without 4 axes, NC126 for fields that exclude
                each other.
        """
        settings = self.param.pooling_param
        shape = bottom_shapes[0]
        if len(shape) != _AXES:
            raise self.error("NC122", "the bottom must be (N, C, H, W)", "bottom", 0, expected="4 axes", actual=shape)
        if settings.pool == pb.PoolingParameter.STOCHASTIC:
            raise self.error(
                "NC121", "STOCHASTIC pooling is not implemented", "pooling_param", "pool", expected="MAX or AVE"
            )
        self._is_max = settings.pool == pb.PoolingParameter.MAX
        if len(self.param.top) > 1 and not self._is_max:
            raise self.error("NC103", "only MAX pooling has a mask", "top", 1, expected="1 top", actual="2 tops")
        self._windows = pooling_windows(self, shape[2:])
        self._sizes = None
        return [(*shape[:2], *self._windows.outputs)] * max(1, len(self.param.top))

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        x = bottoms[0].values.read(LANES)
        y = tops[0].values.write(LANES)
        starts, positions = inputs_of_outputs(self._windows)
        if not self._is_max:
            self.kernels.average_forward(x, starts, positions, self._window_sizes(), y)
            return
        if self._chosen is None or self._chosen.shape != y.shape:
            self._chosen = aligned_zeros(y.shape, np.dtype(np.int32))
        lowest = self.real(np.finfo(self.context.dtype).min)
        self.kernels.max_forward(x, starts, positions, lowest, y, self._chosen)
        if len(tops) > 1:
            np.copyto(tops[1].values.write(LANES), self._chosen, casting="same_kind")

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        dy = tops[0].gradients.read(LANES)
        dx = bottoms[0].gradients.write(LANES)
        starts, windows = outputs_of_inputs(self._windows)
        if self._is_max:
            self.kernels.max_backward(dy, self._chosen, starts, windows, dx)
        else:
            self.kernels.average_backward(dy, starts, windows, self._window_sizes(), dx)

    def _window_sizes(self) -> np.ndarray:
        if self._sizes is None:
            self._sizes = average_sizes(self._windows, self.context.dtype)
        return self._sizes
