"""Scale: multiplies by coefficients along some axes, and adds a bias if asked.

    y = c x + b
    dx = c dy,  dc = sum of x dy,  db = sum of dy        over all axes that the coefficients do not have

x: any shape -> y: the same. With one bottom, c is learned: its shape is that of the ``num_axes`` axes from ``axis``
on (-1: all the rest; 0: one number for all), and it starts at 1 unless ``filler`` says otherwise. With two
bottoms, c is the second one, whose axes must be those of x from ``axis`` on. ``bias_term`` adds a learned b of the
shape of c, which ``bias_filler`` fills (0 by default).

Blobs: c (with one bottom), then b. Source: Caffe's scale_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.kept_input import KeptInput
from netcli.layers.layer import Layer, LayerContext
from netcli.layers.normalisation.coefficients import add_gradient, given_span, learned_span, vector
from netcli.layers.registry import register
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
from netcli.runtime.blob import PLAIN, Blob, Shape
from netcli.schema import caffe_pb2 as pb


@register("Scale", param="scale_param", bottoms=(1, 2), in_place=True)
class Scale(Layer):
    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._input = KeptInput(self)
        self._work = Workspace(context.dtype)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) and perhaps (some of its axes) -> the first shape.

        Raises:
            ConfigError: NC121 for num_axes, NC123 for axis, NC124 for a second bottom that does not fit, or an
                error of a filler.
        """
        settings = self.param.scale_param
        shape = bottom_shapes[0]
        self.declarations = []
        self.learned = len(bottom_shapes) == 1
        if self.learned:
            self.span = learned_span(self, shape, settings.axis, settings.num_axes, "scale_param")
            filler = settings.filler if settings.HasField("filler") else pb.FillerParameter(value=1)
            self.declarations.append(self.learnable(self.span.coefficient_shape, filler, "scale_param", "filler"))
        else:
            self.span = given_span(self, shape, bottom_shapes[1], settings.axis, "scale_param")
        if settings.bias_term:
            self.declarations.append(
                self.learnable(self.span.coefficient_shape, settings.bias_filler, "scale_param", "bias_filler")
            )
        return [shape]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        place = self.span.place(bottoms[0].values)
        x = self.span.form(self._input.keep(bottoms[0], tops[0], place), place)
        bias = vector(self.params[-1]) if self.param.scale_param.bias_term else self._vector("zero")
        y = self.span.form(tops[0].values.write(place), place)
        self.kernels.scale_and_shift(x, vector(self._coefficients(bottoms)), bias, y)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        place = self.span.place(tops[0].gradients)
        dy = self.span.form(tops[0].gradients.read(place), place)
        self._coefficient_gradients(dy, tops, propagate_down, bottoms)
        if propagate_down[0]:
            dx = self.span.form(bottoms[0].gradients.write(place), place)
            self.kernels.scale_and_shift(dy, vector(self._coefficients(bottoms)), self._vector("zero"), dx)

    def channel_map(self) -> tuple[np.ndarray, np.ndarray] | None:
        if not (self.learned and self.span.is_of_channels):
            return None
        return vector(self.params[0]), vector(self.params[1]) if len(self.params) > 1 else self._vector("zero")

    def kept_shapes(self, bottom_shapes: Sequence[Shape], top_shapes: Sequence[Shape]) -> list[Shape]:
        return self._input.shapes(bottom_shapes)

    def _coefficient_gradients(
        self, dy: np.ndarray, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]
    ) -> None:
        bias_term = self.param.scale_param.bias_term
        wants_scale = self.wants_gradient(0) if self.learned else propagate_down[1]
        wants_bias = bias_term and self.wants_gradient(len(self.params) - 1)
        if not (wants_scale or wants_bias):
            return
        place = self.span.place(tops[0].gradients)
        x = self.span.form(self._input.values(bottoms[0], tops[0]).read(place), place)
        sums, products = self._vector("sums"), self._vector("products")
        partial = self._work.scratch("partial", 2, self.kernels.CHUNKS, self.span.count)
        self.kernels.channel_gradients(dy, x, self._vector("zero"), partial, sums, products)
        if wants_bias:
            add_gradient(self.params[-1], sums)
        if wants_scale and self.learned:
            add_gradient(self.params[0], products)
        elif wants_scale:
            np.copyto(bottoms[1].gradients.write(PLAIN).reshape(-1), products)

    def _coefficients(self, bottoms: Sequence[Blob]) -> Blob:
        return self.params[0] if self.learned else bottoms[1]

    def _vector(self, name: str) -> np.ndarray:
        return self._work.kept(name, self.span.count)
