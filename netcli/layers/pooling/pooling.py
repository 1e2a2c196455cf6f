"""Pooling: one value for each window over height and width.

    MAX: y[q] = max of x[p] over p in the window q; dx[p] = sum of dy[q] over the windows that chose p
    AVE: y[q] = sum of x[p] over p in the window q, over s[q]; dx[p] = sum of dy[q] / s[q] over the windows with p
    STOCHASTIC, TRAIN: y[q] = x[p] for one p of the window, drawn with probability x[p] / sum; dx as for MAX
    STOCHASTIC, TEST: y[q] = sum of x[p]^2 / sum of x[p]; dx[p] = sum of dy[q] (2 x[p] - y[q]) / sum of q's window

s is the window's size clipped to the padded image, not the count of real pixels. MAX chooses the first of equal
values in C order; a NaN in a window is its result. An empty window (a stride beyond the kernel can give one
behind the image) is the lowest finite number for MAX and 0 else. STOCHASTIC is for values that are not negative.
Its draws are functions of the seed, the pass and the element, so that backward and repeated runs find them again.

x: (N, C, H, W) -> y: (N, C, H', W'), H' = ceil((H + 2 pad - kernel) / stride) + 1, rounded down with
``round_mode: FLOOR`` or ``ceil_mode: false``, and one less if there is padding and the last window would start
behind the image.
MAX has an optional second top, of the same shape: the index h W + w of the value chosen, not differentiable.
``engine`` chooses between Caffe's implementations and changes nothing here. Source: Caffe's pooling_layer; Zeiler and
Fergus, "Stochastic pooling for regularization of deep convolutional neural networks", ICLR 2013.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer
from netcli.layers.pooling.geometry import pooling_windows
from netcli.layers.pooling.window_pool import WindowPool
from netcli.layers.registry import register
from netcli.layers.windows import Windows
from netcli.runtime.blob import LANES, PLAIN, Blob, Place, Shape
from netcli.runtime.streams import stream_key
from netcli.schema import caffe_pb2 as pb

_AXES = 4
_Method = pb.PoolingParameter


@register("Pooling", v1="POOLING", param="pooling_param", tops=(1, 2))
class Pooling(Layer):
    windows: Windows
    _pool: WindowPool | None = None
    _place: Place = PLAIN

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N, C, H, W) -> (N, C, H', W'), twice with a mask.

        Raises:
            ConfigError: NC103 for a mask of another method than MAX, NC120 for a missing kernel, NC121 for values
                out of range or a kernel that does not fit, NC122 for a bottom without 4 axes, NC126 for fields
                that exclude each other.
        """
        settings = self.param.pooling_param
        shape = bottom_shapes[0]
        if len(shape) != _AXES:
            raise self.error("NC122", "the bottom must be (N, C, H, W)", "bottom", 0, expected="4 axes", actual=shape)
        if len(self.param.top) > 1 and settings.pool != _Method.MAX:
            raise self.error("NC103", "only MAX pooling has a mask", "top", 1, expected="1 top", actual="2 tops")
        self.windows = pooling_windows(self, shape[2:])
        if settings.pool == _Method.STOCHASTIC and any(self.windows.pad):
            name = next(name for name in ("pad", "pad_h", "pad_w") if getattr(settings, name))
            raise self.error("NC126", f"STOCHASTIC pooling and {name} exclude each other", "pooling_param", name)
        self._pool = None
        return [(*shape[:2], *self.windows.outputs)] * max(1, len(self.param.top))

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        self._place = bottoms[0].values.home()
        x = self._seen(bottoms[0].values.read(self._place))
        y = self._seen(tops[0].values.write(self._place))
        pool = self._window_pool()
        method = self.param.pooling_param.pool
        if method == _Method.AVE:
            pool.average(x, y)
        elif method == _Method.MAX:
            chosen = pool.largest(x, y)
            if len(tops) > 1:
                np.copyto(self._seen(tops[1].values.write(self._place)), chosen, casting="same_kind")
        elif self.training:
            pool.drawn(x, self.pass_key(), y)
        else:
            pool.expected(x, y)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        place = self._place
        dy = self._seen(tops[0].gradients.read(place))
        dx = self._seen(bottoms[0].gradients.write(place))
        pool = self._window_pool()
        method = self.param.pooling_param.pool
        if method == _Method.AVE:
            pool.of_average(dy, dx)
        elif method == _Method.MAX or self.training:
            pool.of_chosen(dy, dx)
        else:
            x, y = self._seen(bottoms[0].values.read(place)), self._seen(tops[0].values.read(place))
            pool.of_expected(x, y, dy, dx)

    def kept_shapes(self, bottom_shapes: Sequence[Shape], top_shapes: Sequence[Shape]) -> list[Shape]:
        return [] if self.param.pooling_param.pool == _Method.AVE else [top_shapes[0]]

    @property
    def ran_in_lanes(self) -> bool:
        """Whether the last forward pass did."""
        return self._place is LANES

    def lane_results(self, top: Blob) -> tuple[np.ndarray, np.ndarray]:
        """Room for what a forward pass of MAX in lanes makes elsewhere: the top, and int32 positions of its values."""
        self._place = LANES
        y = top.values.write(LANES)
        return y, self._window_pool().choices(y)

    def lane_gradients(self, top: Blob) -> tuple[np.ndarray, np.ndarray]:
        """The gradients of the top in lanes, and the positions that they lead back to."""
        dy = top.gradients.read(LANES)
        return dy, self._window_pool().choices(dy)

    def pass_key(self) -> np.uint64:
        """What the draws of this pass are hashes of, beside an element's index."""
        key = stream_key(self.context.seed, "pooling", self.name, self.context.pass_index)
        return np.uint64(key & 0xFFFF_FFFF_FFFF_FFFF)

    def _seen(self, array: np.ndarray) -> np.ndarray:
        """As the kernels want it: lanes as they are; of a plain array each channel as an image of its own."""
        if self._place is LANES:
            return array
        return array.reshape(array.shape[0] * array.shape[1], -1, 1, 1)

    def _window_pool(self) -> WindowPool:
        if self._pool is None:
            self._pool = WindowPool(self.kernels, self.windows, self.context.dtype)
        return self._pool
