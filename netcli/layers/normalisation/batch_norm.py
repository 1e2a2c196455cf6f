"""BatchNorm: each channel to mean 0 and variance 1, by the batch's statistics or by stored ones.

    by the batch      y = (x - mu) / sqrt(var + eps),  mu and var over all but the channels
                      s' = a s + 1,  m' = a m + mu,  v' = a v + n / (n - 1) var
                      dx = (dy - mean(dy) - y mean(y dy)) / sqrt(var + eps)
    by the stored     mu = m / s,  var = v / s  (0 where s is 0);  dx = dy / sqrt(var + eps)

with a = moving_average_fraction and n the number of values a channel has (n / (n - 1) is 1 for n = 1). The
stored ones count in phase TEST, or where ``use_global_stats`` says so.

x: (N, C, ...) or (N,) -> y: the same. Blobs: sums of means (C,), sums of variances (C,), their weight (1,). They
are statistics: never trained, never decayed. There is no learned scale and bias; a Scale layer behind does that.
Where several processes share a batch, each has the statistics of its part, as in Caffe, or all have those of the batch.

Source: Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing internal
covariate shift", ICML 2015; Caffe's batch_norm_layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.channel_form import channel_form, form_place, lanes_in_use
from netcli.layers.kept_input import KeptInput
from netcli.layers.layer import Layer, LayerContext, ParameterDeclaration
from netcli.layers.registry import register
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
from netcli.runtime.blob import PLAIN, Blob, Place, Shape
from netcli.schema import caffe_pb2 as pb


@register("BatchNorm", param="batch_norm_param", in_place=True)
class BatchNorm(Layer):
    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._input = KeptInput(self)
        self._work = Workspace(context.dtype)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N, C, ...) or (N,) -> the same.

        Raises:
            ConfigError: NC122 for a bottom without axes, NC121 for statistics that are to be trained.
        """
        shape = bottom_shapes[0]
        if not shape:
            raise self.error("NC122", "the bottom has no axes", "bottom", 0, expected="(N, C, ...)", actual=shape)
        for index, spec in enumerate(self.param.param):
            if spec.HasField("lr_mult") and spec.lr_mult != 0:
                raise self.error(
                    "NC121",
                    "BatchNorm's blobs are statistics, which are not trained",
                    "param",
                    index,
                    "lr_mult",
                    expected=0,
                    actual=f"{spec.lr_mult:g}",
                    hint="a learned scale and bias come from a Scale layer with bias_term: true",
                )
        settings = self.param.batch_norm_param
        self.stored = settings.use_global_stats if settings.HasField("use_global_stats") else not self.training
        self.shape = shape if len(shape) > 1 else (*shape, 1)
        self.eps = self.real(settings.eps)
        zero = pb.FillerParameter()
        channels = self.shape[1]
        self.declarations = [
            ParameterDeclaration(size, zero, lr_mult=0, decay_mult=0) for size in ((channels,), (channels,), (1,))
        ]
        return [shape]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        place = form_place(bottoms[0].values, 1)
        x = self._form(bottoms[0].values.read(place), place)
        mean, variance, gain, shift = (self._vector(name) for name in ("mean", "variance", "gain", "shift"))
        if self.stored:
            self._read_stored(mean, variance)
        else:
            self._input.keep(bottoms[0], tops[0], place)
            count, images, partial = self._count, lanes_in_use(x, place, self.shape), self._partial()[0]
            self.kernels.channel_sums(x, images, partial, mean)
            self._add_parts(mean)
            np.divide(mean, count, out=mean)
            self.kernels.channel_squares(x, mean, images, partial, variance)
            self._add_parts(variance)
            np.divide(variance, count, out=variance)
            self._update_stored(mean, variance)
        self.kernels.batch_norm_coefficients(mean, variance, self.eps, gain, shift)
        self.kernels.scale_and_shift(x, gain, shift, self._form(tops[0].values.write(place), place))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        place = form_place(tops[0].gradients, 1)
        dy = self._form(tops[0].gradients.read(place), place)
        dx = self._form(bottoms[0].gradients.write(place), place)
        gain = self._vector("gain")
        if self.stored:
            self.kernels.scale_and_shift(dy, gain, self._vector("zero"), dx)
            return
        x = self._form(self._input.values(bottoms[0], tops[0]).read(place), place)
        mean, sums, products = self._vector("mean"), self._vector("sums"), self._vector("products")
        self.kernels.channel_gradients(dy, x, mean, self._partial(), sums, products)
        self._add_parts(sums)
        self._add_parts(products)
        self.kernels.batch_norm_backward(
            x, dy, mean, gain, sums, products, lanes_in_use(x, place, self.shape), self.real(self._count), dx
        )

    def channel_map(self) -> tuple[np.ndarray, np.ndarray] | None:
        if not self.stored:
            return None
        mean, variance = (np.empty(blob.shape, self.context.dtype) for blob in self.params[:2])
        self._read_stored(mean, variance)
        gain = 1 / np.sqrt(variance + self.eps)
        return gain, -mean * gain

    def kept_shapes(self, bottom_shapes: Sequence[Shape], top_shapes: Sequence[Shape]) -> list[Shape]:
        return [] if self.stored else self._input.shapes(bottom_shapes)

    @property
    def _count(self) -> int:
        """Values a channel has, in all parts of the batch whose statistics count."""
        count, share = math.prod(self.shape) // self.shape[1], self.context.share
        return share.total(count) if share.joint_statistics else count

    def _add_parts(self, sums: np.ndarray) -> None:
        """Makes sums over this part of the batch those over all of it, if they are to be."""
        share = self.context.share
        if share.joint_statistics:
            if share.idle:
                sums.fill(0)
            share.add(sums)

    def _form(self, array: np.ndarray, place: Place) -> np.ndarray:
        return channel_form(array, place, self.shape, 1)

    def _vector(self, name: str) -> np.ndarray:
        return self._work.kept(name, self.shape[1])

    def _partial(self) -> np.ndarray:
        return self._work.scratch("partial", 2, self.kernels.CHUNKS, self.shape[1])

    def _read_stored(self, mean: np.ndarray, variance: np.ndarray) -> None:
        weight = self.params[2].values.read(PLAIN)[0]
        share = self.real(0 if weight == 0 else 1 / weight)
        np.multiply(self.params[0].values.read(PLAIN), share, out=mean)
        np.multiply(self.params[1].values.read(PLAIN), share, out=variance)

    def _update_stored(self, mean: np.ndarray, variance: np.ndarray) -> None:
        fraction = self.real(self.param.batch_norm_param.moving_average_fraction)
        unbiased = self.real(self._count / (self._count - 1) if self._count > 1 else 1)
        for blob, new in zip(self.params, (mean, variance * unbiased, 1), strict=True):
            stored = blob.values.update(PLAIN)
            np.multiply(stored, fraction, out=stored)
            np.add(stored, new, out=stored)
