"""SPP: spatial pyramid pooling, a vector of one length whatever the size of the image.

    level i: the image is cut into 2^i x 2^i parts, each of which is pooled;  y = [level 0, level 1, ...]

for i below ``pyramid_height``. Along an axis of size s the windows of a level with b parts are ceil(s / b) wide and
stand side by side, after padding by (ceil(s / b) b - s + 1) // 2 on both ends; see Pooling for ``pool``.

x: (N, C, H, W) -> y: (N, C times the sum of 4^i), each level in the order (channel, row, column); (N, C, 1, 1) for a
pyramid of one level. ``engine`` changes nothing here. Source: Caffe's spp_layer; He et al., "Spatial pyramid pooling in
deep convolutional networks for visual recognition", ECCV 2014.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer, LayerContext
from netcli.layers.pooling.geometry import pyramid_windows
from netcli.layers.pooling.window_pool import WindowPool
from netcli.layers.registry import register
from netcli.layers.windows import Windows
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
from netcli.runtime.blob import LANES, Blob, Shape
from netcli.runtime.streams import stream_key
from netcli.schema import caffe_pb2 as pb

_AXES = 4
_Method = pb.SPPParameter


@register("SPP", param="spp_param")
class SPP(Layer):
    _pools: list[WindowPool] | None = None

    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._work = Workspace(context.dtype)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N, C, H, W) -> (N, C times the parts of all levels).

        Raises:
            ConfigError: NC120 for a missing pyramid_height, NC121 for one that the image is too small for, NC122 for
                a bottom without 4 axes, NC126 for STOCHASTIC pooling of levels that need padding.
        """
        settings = self.param.spp_param
        shape = bottom_shapes[0]
        if len(shape) != _AXES:
            raise self.error("NC122", "the bottom must be (N, C, H, W)", "bottom", 0, expected="4 axes", actual=shape)
        if settings.pyramid_height == 0:
            raise self.error("NC120", "pyramid_height is missing", "spp_param", "pyramid_height", expected="at least 1")
        self._levels = [self._level(level, shape[2:]) for level in range(settings.pyramid_height)]
        self._pools = None
        if len(self._levels) == 1:
            return [(*shape[:2], 1, 1)]
        return [(shape[0], shape[1] * sum(windows.output_positions for windows in self._levels))]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        x = bottoms[0].values.read(LANES)
        y = tops[0].values.write(LANES)
        for level, pool in enumerate(self._window_pools()):
            made = self._level_scratch("values", level, x)
            self._pool(level, pool, x, made)
            np.copyto(self._part(level, x, y), made.transpose(0, 2, 1, 3))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        x = bottoms[0].values.read(LANES)
        y = tops[0].values.read(LANES)
        dy = tops[0].gradients.read(LANES)
        dx = bottoms[0].gradients.write(LANES)
        target = dx
        for level, pool in enumerate(self._window_pools()):
            gradient = self._level_scratch("gradients", level, x)
            np.copyto(gradient, self._part(level, x, dy).transpose(0, 2, 1, 3))
            if level:
                target = self._work.scratch("dx", *dx.shape)
            self._pool_backward(level, pool, x, y, gradient, target)
            if level:
                np.add(dx, target, out=dx)

    def _level(self, level: int, inputs: Shape) -> Windows:
        settings = self.param.spp_param
        windows = pyramid_windows(inputs, 2**level) if level < max(inputs).bit_length() else None
        if windows is None:
            raise self.error(
                "NC121",
                "the image is too small for the pyramid",
                "spp_param",
                "pyramid_height",
                expected=f"at most {level} for {inputs[0]} x {inputs[1]} pixels",
                actual=settings.pyramid_height,
            )
        if settings.pool == _Method.STOCHASTIC and any(windows.pad):
            raise self.error(
                "NC126",
                f"STOCHASTIC pooling takes no padding, which level {level} of this image needs",
                "spp_param",
                "pool",
                expected=f"height and width that {2**level} divides",
                actual=f"{inputs[0]} x {inputs[1]}",
            )
        return windows

    def _pool(self, level: int, pool: WindowPool, x: np.ndarray, y: np.ndarray) -> None:
        method = self.param.spp_param.pool
        if method == _Method.AVE:
            pool.average(x, y)
        elif method == _Method.MAX:
            pool.largest(x, y)
        elif self.training:
            key = stream_key(self.context.seed, "pooling", self.name, self.context.pass_index, level)
            pool.drawn(x, np.uint64(key & 0xFFFF_FFFF_FFFF_FFFF), y)
        else:
            pool.expected(x, y)

    def _pool_backward(
        self, level: int, pool: WindowPool, x: np.ndarray, y: np.ndarray, gradient: np.ndarray, dx: np.ndarray
    ) -> None:
        method = self.param.spp_param.pool
        if method == _Method.AVE:
            pool.of_average(gradient, dx)
        elif method == _Method.MAX or self.training:
            pool.of_chosen(gradient, dx)
        else:
            made = self._level_scratch("values", level, x)
            np.copyto(made, self._part(level, x, y).transpose(0, 2, 1, 3))
            pool.of_expected(x, made, gradient, dx)

    def _part(self, level: int, x: np.ndarray, top: np.ndarray) -> np.ndarray:
        """The view (G, C, Q, L) of the ``level`` in the lanes of the top."""
        groups, _, channels, width = x.shape
        counts = [windows.output_positions for windows in self._levels]
        first = channels * sum(counts[:level])
        part = top[:, 0, first : first + channels * counts[level]]
        return part.reshape(groups, channels, counts[level], width)

    def _level_scratch(self, name: str, level: int, x: np.ndarray) -> np.ndarray:
        groups, _, channels, width = x.shape
        return self._work.scratch(name, groups, self._levels[level].output_positions, channels, width)

    def _window_pools(self) -> list[WindowPool]:
        if self._pools is None:
            self._pools = [WindowPool(self.kernels, windows, self.context.dtype) for windows in self._levels]
        return self._pools
