"""Bias: adds coefficients along some axes.

    y = x + b
    dx = dy,  db = sum of dy        over all axes that b does not have

x: any shape -> y: the same. With one bottom, b is learned: its shape is that of the ``num_axes`` axes from ``axis``
on (-1: all the rest; 0: one number for all), filled by ``filler`` (0 by default). With two bottoms, b is the
second one, whose axes must be those of x from ``axis`` on.

Blobs: b (with one bottom). Source: Caffe's bias_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer, LayerContext
from netcli.layers.normalisation.coefficients import add_gradient, given_span, learned_span, vector
from netcli.layers.registry import register
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
from netcli.runtime.blob import PLAIN, Blob, Shape


@register("Bias", param="bias_param", bottoms=(1, 2), in_place=True)
class Bias(Layer):
    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._work = Workspace(context.dtype)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) and perhaps (some of its axes) -> the first shape.

        Raises:
            ConfigError: NC121 for num_axes, NC123 for axis, NC124 for a second bottom that does not fit, or an
                error of the filler.
        """
        settings = self.param.bias_param
        shape = bottom_shapes[0]
        self.declarations = []
        self.learned = len(bottom_shapes) == 1
        if self.learned:
            self.span = learned_span(self, shape, settings.axis, settings.num_axes, "bias_param")
            self.declarations.append(
                self.learnable(self.span.coefficient_shape, settings.filler, "bias_param", "filler")
            )
        else:
            self.span = given_span(self, shape, bottom_shapes[1], settings.axis, "bias_param")
        return [shape]

    def channel_map(self) -> tuple[np.ndarray, np.ndarray] | None:
        if not (self.learned and self.span.is_of_channels):
            return None
        shift = vector(self.params[0])
        return np.ones_like(shift), shift

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        place = self.span.place(bottoms[0].values)
        x = self.span.form(bottoms[0].values.read(place), place)
        y = self.span.form(tops[0].values.write(place), place)
        ones = self._work.kept("ones", self.span.count)
        ones.fill(1)
        self.kernels.scale_and_shift(x, ones, vector(self.params[0] if self.learned else bottoms[1]), y)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        place = self.span.place(tops[0].gradients)
        plain_dy = tops[0].gradients.read(place)
        if self.wants_gradient(0) if self.learned else propagate_down[1]:
            dy = self.span.form(plain_dy, place)
            sums = self._work.scratch("sums", self.span.count)
            partial = self._work.scratch("partial", self.kernels.CHUNKS, self.span.count)
            self.kernels.channel_sums(dy, dy.shape[0] * dy.shape[3], partial, sums)
            if self.learned:
                add_gradient(self.params[0], sums)
            else:
                np.copyto(bottoms[1].gradients.write(PLAIN).reshape(-1), sums)
        if propagate_down[0] and bottoms[0] is not tops[0]:
            np.copyto(bottoms[0].gradients.write(place), plain_dy)
