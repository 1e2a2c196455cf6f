"""PReLU: the rectified linear unit whose slope below 0 is learned.

    y = x            where x > 0
    y = a_c x        elsewhere, with c the channel of x
    dx = dy (1 or a_c, likewise)
    da_c += sum of dy x over all x of channel c that are not positive

x: (N, C, ...) -> y: the same. Parameter: a (C,), or a single number () with ``channel_shared``, filled with 0.25
unless ``filler`` says otherwise. In place a copy of x is kept. Where all slopes are above 0 y tells as much: it has the
sign of x, and the sum of dy x is that of dy y over a_c. So a convolution may write y at once, and no copy is kept.
Source: Caffe's prelu_layer; He et al., "Delving deep into rectifiers", ICCV 2015.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.kept_input import KeptInput
from netcli.layers.layer import Layer, LayerContext
from netcli.layers.registry import register
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
from netcli.runtime.blob import LANES, PLAIN, Blob, Shape
from netcli.runtime.scratch import scratch
from netcli.schema import caffe_pb2 as pb

_FIRST_SLOPE = 0.25
_LEAST_SLOPE = 1e-4
"""With a smaller one y may be too small a number to tell what x was."""
_CHUNKS = 32
_LEAST_CHUNK = 16


@register("PReLU", param="prelu_param", in_place=True)
class PReLU(Layer):
    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._input = KeptInput(self)
        self._work = Workspace(context.dtype)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N, C, ...) -> the same. Raises ConfigError NC122 for a bottom without channels."""
        shape = bottom_shapes[0]
        if len(shape) < 2:
            raise self.error("NC122", "the bottom has no channels", "bottom", 0, expected="(N, C, ...)", actual=shape)
        settings = self.param.prelu_param
        filler = settings.filler
        if not settings.HasField("filler"):
            filler = pb.FillerParameter(type="constant", value=_FIRST_SLOPE)
        self.shared = settings.channel_shared
        self.declarations = [self.learnable(() if self.shared else shape[1:2], filler, "prelu_param", "filler", "type")]
        return [shape]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        self.done_along = False
        place = bottoms[0].values.home()
        x = self._input.keep(bottoms[0], tops[0], place)
        y = tops[0].values.write(place)
        if place is LANES:
            self.kernels.prelu_forward(x, self._spread_slopes(*x.shape[2:]), y)
        else:
            self.kernels.prelu_rows_forward(_rows(x), self._slopes(x.shape[1]), _rows(y))

    def channel_slopes(self, channels: int) -> np.ndarray | None:
        return self._slopes(channels).copy()

    def top_suffices(self) -> bool:
        return bool((self.params[0].values.read(PLAIN) >= _LEAST_SLOPE).all())

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        place = tops[0].gradients.home()
        x = (tops[0].values if self.done_along else self._input.values(bottoms[0], tops[0])).read(place)
        dy = tops[0].gradients.read(place)
        dx = bottoms[0].gradients.write(place) if propagate_down[0] else dy
        slope_gradients = self._work.scratch("slope gradients", tops[0].shape[1])
        if place is LANES:
            chunks = max(1, min(_CHUNKS, x.shape[0] * x.shape[1] // _LEAST_CHUNK))
            sums = scratch("partial", (chunks, *x.shape[2:]), self.context.dtype)
            slopes = self._spread_slopes(*x.shape[2:])
            self.kernels.prelu_backward(x, dy, slopes, dx is dy, propagate_down[0], dx, sums, slope_gradients)
        else:
            slopes = self._slopes(x.shape[1])
            self.kernels.prelu_rows_backward(_rows(x), _rows(dy), slopes, propagate_down[0], _rows(dx), slope_gradients)
        if self.done_along:
            slope_gradients /= self.params[0].values.read(PLAIN)
        gradient = self.params[0].gradients.update(PLAIN)
        gradient += slope_gradients.sum() if self.shared else slope_gradients

    def kept_shapes(self, bottom_shapes: Sequence[Shape], top_shapes: Sequence[Shape]) -> list[Shape]:
        return self._input.shapes(bottom_shapes)

    def _slopes(self, channels: int) -> np.ndarray:
        """(C,): each channel's slope, or the one that serves all. To be read only."""
        slopes = self.params[0].values.read(PLAIN)
        return np.full(channels, slopes) if self.shared else slopes

    def _spread_slopes(self, channels: int, lanes: int) -> np.ndarray:
        """(C, L): each channel's slope in every lane."""
        spread = self._work.scratch("slopes", channels, lanes)
        spread[:] = self.params[0].values.read(PLAIN).reshape(-1, 1)
        return spread


def _rows(plain: np.ndarray) -> np.ndarray:
    return plain.reshape(*plain.shape[:2], -1)
