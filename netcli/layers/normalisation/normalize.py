"""Normalize: vectors to length 1. Two forks have a layer of this name; which one is meant shows in ``norm_param``.

Without ``norm_param``, as AM-Softmax's and NormFace's prototxts write it:

    y = x / sqrt(eps + sum of x^2 over the channels),  eps = 1e-6

With ``norm_param``, SSD's:

    y = c x / sqrt(eps + sum of x^2 over the channels, or over the whole image with ``across_spatial``)

with a learned c, one for all with ``channel_shared`` or one a channel, that starts at 1 unless ``scale_filler`` says
otherwise. With u = y / c and r the root, dx = c (dy - u sum(u dy)) / r and dc = sum(u dy).

x: (N, C, ...) -> y: the same. Blobs: none, or c: () or (C,). Sources: Wang et al., "Additive margin softmax for
face verification", 2018, and happynear's caffe-windows; Liu et al., "SSD: single shot multibox detector",
ECCV 2016, and weiliu89's caffe, branch ssd.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.channel_form import channel_form, form_place
from netcli.layers.layer import Layer, LayerContext
from netcli.layers.normalisation.coefficients import Span, add_gradient, vector
from netcli.layers.registry import register
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
from netcli.runtime.blob import LANES, Blob, Place, Shape
from netcli.schema import caffe_pb2 as pb

_EPS_WITHOUT_SETTINGS = 1e-6


@register(
    "Normalize", param="norm_param", fork="SSD (weiliu89/caffe, branch ssd) and AM-Softmax (happynear/caffe-windows)"
)
class Normalize(Layer):
    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._work = Workspace(context.dtype)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N, C, ...) -> the same. Raises ConfigError NC122 for fewer than two axes, or an error of the filler."""
        shape = bottom_shapes[0]
        if len(shape) < 2:
            raise self.error("NC122", "the bottom has no channels", "bottom", 0, expected="(N, C, ...)", actual=shape)
        settings = self.param.norm_param
        self.learned = self.param.HasField("norm_param")
        self.eps = self.real(settings.eps if self.learned else _EPS_WITHOUT_SETTINGS)
        self.whole_image = self.learned and settings.across_spatial
        self.shape = shape
        self.span = Span(shape, 1, 0 if settings.channel_shared else 1)
        self.declarations = []
        if self.learned:
            filler = settings.scale_filler if settings.HasField("scale_filler") else pb.FillerParameter(value=1)
            self.declarations.append(self.learnable(self.span.coefficient_shape, filler, "norm_param", "scale_filler"))
        return [shape]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        place = form_place(bottoms[0].values, 1)
        y = tops[0].values.write(place)
        self._to_length_one(bottoms[0].values.read(place), place, y)
        if self.learned:
            form = self.span.form(y, place)
            self.kernels.scale_and_shift(form, vector(self.params[0]), self._zero(), form)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        place = form_place(tops[0].gradients, 1)
        x, dy = bottoms[0].values.read(place), tops[0].gradients.read(place)
        if self.learned and self.wants_gradient(0):
            self._scale_gradient(x, dy, place)
        if not propagate_down[0]:
            return
        dx = bottoms[0].gradients.write(place)
        if self.learned:
            coefficients = vector(self.params[0])
            self.kernels.scale_and_shift(
                self.span.form(dy, place), coefficients, self._zero(), self.span.form(dx, place)
            )
            dy = dx
        x, dy, dx = (self._vectors(array, place) for array in (x, dy, dx))
        scratch = self._work.scratch("backward", 2, x.shape[0] * x.shape[1], x.shape[3])
        self.kernels.l2_backward(x, dy, self.eps, scratch, dx)

    def _scale_gradient(self, x: np.ndarray, dy: np.ndarray, place: Place) -> None:
        unit = self._work.scratch("unit", *x.shape)
        self._to_length_one(x, place, unit)
        sums, products = (self._work.scratch(name, self.span.count) for name in ("sums", "products"))
        partial = self._work.scratch("partial", 2, self.kernels.CHUNKS, self.span.count)
        gradient, form = self.span.form(dy, place), self.span.form(unit, place)
        self.kernels.channel_gradients(gradient, form, self._zero(), partial, sums, products)
        add_gradient(self.params[0], products)

    def _to_length_one(self, x: np.ndarray, place: Place, y: np.ndarray) -> None:
        x, y = self._vectors(x, place), self._vectors(y, place)
        scratch = self._work.scratch("forward", x.shape[0] * x.shape[1], x.shape[3])
        self.kernels.l2_forward(x, self.eps, scratch, y)

    def _vectors(self, array: np.ndarray, place: Place) -> np.ndarray:
        """A view (groups, positions, elements of a vector, width)."""
        if not self.whole_image:
            return channel_form(array, place, self.shape, 1)
        if place is LANES:
            return array.reshape(array.shape[0], 1, -1, array.shape[3])
        return array.reshape(self.shape[0], 1, math.prod(self.shape[1:]), 1)

    def _zero(self) -> np.ndarray:
        return self._work.kept("zero", self.span.count)
