"""LRN: local response normalisation, over neighbouring channels or over a window of one channel.

    ACROSS_CHANNELS   s = k + alpha / n   sum of x^2 over the n channels around
    WITHIN_CHANNEL    s = 1 + alpha / n^2 sum of x^2 over the n x n positions around
    y = x s^-beta
    dx = dy s^-beta - 2 beta a x sum over the same neighbours of (dy x s^(-beta - 1)),  a = alpha / n or alpha / n^2

with n = local_size, and zeros outside the image and past the first and last channel. ``k`` counts across channels
only. ``engine`` chooses between Caffe's implementations and changes nothing here.

x: (N, C, H, W) -> y: the same. Source: Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep
convolutional neural networks", NIPS 2012, section 3.3; Caffe's lrn_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.channel_form import channel_form, form_place, lanes_in_use
from netcli.layers.layer import Layer, LayerContext
from netcli.layers.registry import register
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
from netcli.runtime.blob import LANES, Blob, Place, Shape
from netcli.schema import caffe_pb2 as pb


@register("LRN", v1="LRN", param="lrn_param")
class LRN(Layer):
    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._work = Workspace(context.dtype)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N, C, H, W) -> the same. Raises ConfigError NC121 for an even local_size, NC122 without four axes."""
        settings = self.param.lrn_param
        shape = bottom_shapes[0]
        size = settings.local_size
        if size % 2 == 0:
            raise self.error(
                "NC121",
                "local_size has no middle",
                "lrn_param",
                "local_size",
                expected="an odd number",
                actual=size,
                hint=f"{size + 1} or {max(1, size - 1)}?",
            )
        if len(shape) != 4:
            raise self.error(
                "NC122", "LRN normalises images", "bottom", 0, expected="4 axes, (N, C, H, W)", actual=shape
            )
        self.within = settings.norm_region == pb.LRNParameter.WITHIN_CHANNEL
        neighbours = size**2 if self.within else size
        self.radius = (size - 1) // 2
        self.k = self.real(settings.k)
        self.scale = self.real(settings.alpha / neighbours)
        self.beta = self.real(settings.beta)
        self.factor = self.real(2 * settings.beta * settings.alpha / neighbours)
        return [shape]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        shape = bottoms[0].shape
        place = form_place(bottoms[0].values, 1)
        x, y = bottoms[0].values.read(place), tops[0].values.write(place)
        if self.within:
            x, y = self._planes(x, place, shape), self._planes(y, place, shape)
            step = _column_step(x, shape)
            sums = self._work.scratch("row_sums", *x.shape)
            self.kernels.lrn_within_forward(x, step, self.radius, self.scale, self.beta, sums, y)
        else:
            x, y = channel_form(x, place, shape, 1), channel_form(y, place, shape, 1)
            images = lanes_in_use(x, place, shape)
            self.kernels.lrn_across_forward(x, self.radius, self.k, self.scale, self.beta, images, y)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        shape = bottoms[0].shape
        place = form_place(tops[0].gradients, 1)
        arrays = bottoms[0].values.read(place), tops[0].gradients.read(place), bottoms[0].gradients.write(place)
        if self.within:
            x, dy, dx = (self._planes(array, place, shape) for array in arrays)
            sums, ratio = (self._work.scratch(name, *x.shape) for name in ("row_sums", "ratio"))
            self.kernels.lrn_within_backward(
                x, dy, _column_step(x, shape), self.radius, self.scale, self.beta, self.factor, sums, ratio, dx
            )
        else:
            x, dy, dx = (channel_form(array, place, shape, 1) for array in arrays)
            ratio = self._work.scratch("ratio", self.kernels.CHUNKS, *x.shape[2:])
            images = lanes_in_use(x, place, shape)
            self.kernels.lrn_across_backward(
                x, dy, self.radius, self.k, self.scale, self.beta, self.factor, images, ratio, dx
            )

    def kept_shapes(self, bottom_shapes: Sequence[Shape], top_shapes: Sequence[Shape]) -> list[Shape]:
        return [bottom_shapes[0]] * (1 + self.runs_backward) if self.within else []

    @staticmethod
    def _planes(array: np.ndarray, place: Place, shape: Shape) -> np.ndarray:
        """A view (planes, H, span): an image's channel each, or in lanes all channels of a group side by side."""
        images, channels, height, _ = shape
        return array.reshape(array.shape[0] if place is LANES else images * channels, height, -1)


def _column_step(planes: np.ndarray, shape: Shape) -> int:
    """Values between a column and the next one in the rows of ``planes``."""
    return planes.shape[2] // shape[3]
