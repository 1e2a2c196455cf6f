"""The normalising layers on a GPU."""

from __future__ import annotations

import math
from collections.abc import Sequence

from netcli.layers.cuda_form import CudaForm, cuda_form
from netcli.layers.cuda_kept_input import kept_input
from netcli.layers.cuda_sum_kernels import PRODUCTS, SQUARES, VALUES
from netcli.layers.cuda_sums import ChannelForm, channel_sums, gradient_sums
from netcli.layers.normalisation import cuda_kernels as kernels
from netcli.layers.normalisation.batch_norm import BatchNorm
from netcli.layers.normalisation.bias import Bias
from netcli.layers.normalisation.coefficients import Span
from netcli.layers.normalisation.lrn import LRN
from netcli.layers.normalisation.mvn import MVN
from netcli.layers.normalisation.normalize import Normalize
from netcli.layers.normalisation.scale import Scale
from netcli.runtime.blob import CUDA, Blob
from netcli.runtime.cuda.kernel import blocks_for
from netcli.runtime.cuda.memory import DeviceArray


def _span_form(span: Span) -> ChannelForm:
    return ChannelForm.along(span.shape, span.first, span.axes)


def _scale_and_shift(
    x: DeviceArray,
    gain: DeviceArray | None,
    shift: DeviceArray | None,
    y: DeviceArray,
    form: ChannelForm,
    *,
    kept: DeviceArray | None = None,
) -> None:
    """y = gain x + shift, without those that are None. Writes x to ``kept`` too, if that is not x."""
    keeps = kept is not None and kept is not x
    kernels.scale_and_shift(
        blocks_for(form.count),
        x,
        x if gain is None else gain,
        x if shift is None else shift,
        int(gain is not None),
        int(shift is not None),
        y,
        kept if keeps else x,
        int(keeps),
        form.count,
        form.channels,
        form.inner,
    )


class Standardised(CudaForm):
    """Channels to mean 0 by the statistics of the bottom, and back: what BatchNorm and MVN share."""

    def _vector(self, name: str, form: ChannelForm) -> DeviceArray:
        return self.scratch(name, form.channels)

    def _statistics(self, x: DeviceArray, form: ChannelForm, *, variances: bool = True) -> None:
        """Leaves the channels' means and variances in the vectors of these names."""
        mean = self._vector("mean", form)
        channel_sums(self, VALUES, x, form, mean, factor=1 / form.items)
        if variances:
            channel_sums(self, SQUARES, x, form, self._vector("variance", form), centres=mean, factor=1 / form.items)

    def _gradient(self, x: DeviceArray, dy: DeviceArray, dx: DeviceArray, form: ChannelForm, *, scaled: bool) -> None:
        """dx of (x - mean) gain, where the gain is a function of the variance if ``scaled``, else 1."""
        mean, gain, sums, products = (self._vector(name, form) for name in ("mean", "gain", "sums", "products"))
        if scaled:
            gradient_sums(self, x, dy, form, sums, products, centres=mean, factor=1 / form.items)
        else:
            channel_sums(self, VALUES, dy, form, sums, factor=1 / form.items)
            products.fill(0)
        kernels.statistics_backward(
            blocks_for(form.count), x, dy, mean, gain, sums, products, dx, form.count, form.channels, form.inner
        )


@cuda_form("BatchNorm")
class BatchNormOnCuda(Standardised):
    layer: BatchNorm

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        layer, form = self.layer, ChannelForm.along(self.layer.shape, 1)
        x, gain, shift = bottoms[0].values.read(CUDA), self._vector("gain", form), self._vector("shift", form)
        if layer.stored:
            stored = [blob.values.read(CUDA) for blob in layer.params]
            kernels.batch_norm_stored(blocks_for(form.channels), *stored, layer.eps, gain, shift, form.channels)
        else:
            self._statistics(x, form)
            self._update_stored(form)
        kept = None if layer.stored else kept_input(self, bottoms[0], tops[0])
        _scale_and_shift(x, gain, shift, tops[0].values.write(CUDA), form, kept=kept)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        form = ChannelForm.along(self.layer.shape, 1)
        dy, dx = tops[0].gradients.read(CUDA), bottoms[0].gradients.write(CUDA)
        if self.layer.stored:
            _scale_and_shift(dy, self._vector("gain", form), None, dx, form)
        else:
            self._gradient(kept_input(self, bottoms[0], tops[0]), dy, dx, form, scaled=True)

    def _update_stored(self, form: ChannelForm) -> None:
        layer = self.layer
        fraction = layer.param.batch_norm_param.moving_average_fraction
        unbiased = form.items / (form.items - 1) if form.items > 1 else 1
        means, variances, weight = (blob.values.update(CUDA) for blob in layer.params)
        mean, variance, gain, shift = (self._vector(name, form) for name in ("mean", "variance", "gain", "shift"))
        kernels.batch_norm_update(
            blocks_for(form.channels), mean, variance, means, variances, fraction, unbiased, layer.eps, gain, shift,
            form.channels,
        )  # fmt: skip
        kernels.batch_norm_weight(1, weight, fraction)


@cuda_form("MVN")
class MvnOnCuda(Standardised):
    layer: MVN

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        form, by_deviation = self._form(bottoms[0]), self.layer.param.mvn_param.normalize_variance
        x = bottoms[0].values.read(CUDA)
        self._statistics(x, form, variances=by_deviation)
        mean, variance, gain, shift = (self._vector(name, form) for name in ("mean", "variance", "gain", "shift"))
        kernels.deviation_coefficients(
            blocks_for(form.channels), mean, variance, self.layer.eps, int(by_deviation), gain, shift, form.channels
        )
        kept = kept_input(self, bottoms[0], tops[0])
        _scale_and_shift(x, gain, shift, tops[0].values.write(CUDA), form, kept=kept)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if propagate_down[0]:
            x, by_deviation = kept_input(self, bottoms[0], tops[0]), self.layer.param.mvn_param.normalize_variance
            dy, dx = tops[0].gradients.read(CUDA), bottoms[0].gradients.write(CUDA)
            self._gradient(x, dy, dx, self._form(bottoms[0]), scaled=by_deviation)

    def _form(self, bottom: Blob) -> ChannelForm:
        return ChannelForm.rows(self.layer.rows, bottom.count // self.layer.rows)


@cuda_form("Scale")
class ScaleOnCuda(CudaForm):
    layer: Scale

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        x, kept = bottoms[0].values.read(CUDA), kept_input(self, bottoms[0], tops[0])
        bias = self.layer.params[-1].values.read(CUDA) if self.layer.param.scale_param.bias_term else None
        gain = self._coefficients(bottoms).values.read(CUDA)
        _scale_and_shift(x, gain, bias, tops[0].values.write(CUDA), _span_form(self.layer.span), kept=kept)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        form, dy = _span_form(self.layer.span), tops[0].gradients.read(CUDA)
        self._coefficient_gradients(kept_input(self, bottoms[0], tops[0]), dy, form, propagate_down, bottoms)
        if propagate_down[0]:
            gain = self._coefficients(bottoms).values.read(CUDA)
            _scale_and_shift(dy, gain, None, bottoms[0].gradients.write(CUDA), form)

    def _coefficient_gradients(
        self,
        x: DeviceArray,
        dy: DeviceArray,
        form: ChannelForm,
        propagate_down: Sequence[bool],
        bottoms: Sequence[Blob],
    ) -> None:
        layer = self.layer
        bias = layer.params[-1] if layer.param.scale_param.bias_term else None
        sums = bias.gradients.update(CUDA) if bias and layer.wants_gradient(len(layer.params) - 1) else None
        products = None
        if layer.wants_gradient(0) if layer.learned else propagate_down[1]:
            gradients = self._coefficients(bottoms).gradients
            products = gradients.update(CUDA) if layer.learned else gradients.write(CUDA)
        if sums and products:
            gradient_sums(self, x, dy, form, sums, products, adds=(True, layer.learned))
        elif sums:
            channel_sums(self, VALUES, dy, form, sums, adds=True)
        elif products:
            channel_sums(self, PRODUCTS, x, form, products, b=dy, adds=layer.learned)

    def _coefficients(self, bottoms: Sequence[Blob]) -> Blob:
        return self.layer.params[0] if self.layer.learned else bottoms[1]


@cuda_form("Bias")
class BiasOnCuda(CudaForm):
    layer: Bias

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        x, bias = bottoms[0].values.read(CUDA), self._coefficients(bottoms).values.read(CUDA)
        _scale_and_shift(x, None, bias, tops[0].values.write(CUDA), _span_form(self.layer.span))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        layer, dy = self.layer, tops[0].gradients.read(CUDA)
        if layer.wants_gradient(0) if layer.learned else propagate_down[1]:
            gradients = self._coefficients(bottoms).gradients
            sums = gradients.update(CUDA) if layer.learned else gradients.write(CUDA)
            channel_sums(self, VALUES, dy, _span_form(layer.span), sums, adds=layer.learned)
        if propagate_down[0] and bottoms[0] is not tops[0]:
            bottoms[0].gradients.write(CUDA).copy_from(dy)

    def _coefficients(self, bottoms: Sequence[Blob]) -> Blob:
        return self.layer.params[0] if self.layer.learned else bottoms[1]


@cuda_form("LRN")
class LrnOnCuda(CudaForm):
    layer: LRN

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        layer, x, y = self.layer, bottoms[0].values.read(CUDA), tops[0].values.write(CUDA)
        neighbours = self._neighbours(bottoms[0])
        kernels.lrn_forward(blocks_for(bottoms[0].count), x, y, *neighbours, self._k(), layer.scale, layer.beta)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        layer, blocks = self.layer, blocks_for(bottoms[0].count)
        neighbours = self._neighbours(bottoms[0])
        x, dy, dx = bottoms[0].values.read(CUDA), tops[0].gradients.read(CUDA), bottoms[0].gradients.write(CUDA)
        ratio = self.scratch("ratio", bottoms[0].count)
        kernels.lrn_ratio(blocks, x, dy, ratio, dx, *neighbours, self._k(), layer.scale, layer.beta, layer.factor)
        kernels.lrn_backward(blocks, x, ratio, dx, *neighbours)

    def _k(self) -> float:
        return 1 if self.layer.within else float(self.layer.k)

    def _neighbours(self, bottom: Blob) -> tuple[int, ...]:
        """What the kernels take to find an element's neighbours."""
        return bottom.count, int(self.layer.within), self.layer.radius, *bottom.shape[1:]


@cuda_form("Normalize")
class NormalizeOnCuda(CudaForm):
    layer: Normalize

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        x, y = bottoms[0].values.read(CUDA), tops[0].values.write(CUDA)
        self._to_length_one(x, y)
        if self.layer.learned:
            _scale_and_shift(y, self.layer.params[0].values.read(CUDA), None, y, _span_form(self.layer.span))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        layer = self.layer
        x, dy = bottoms[0].values.read(CUDA), tops[0].gradients.read(CUDA)
        if layer.learned and layer.wants_gradient(0):
            unit = self.scratch("unit", bottoms[0].count)
            self._to_length_one(x, unit)
            gradient = layer.params[0].gradients.update(CUDA)
            channel_sums(self, PRODUCTS, unit, _span_form(layer.span), gradient, b=dy, adds=True)
        if not propagate_down[0]:
            return
        dx = bottoms[0].gradients.write(CUDA)
        if layer.learned:
            _scale_and_shift(dy, layer.params[0].values.read(CUDA), None, dx, _span_form(layer.span))
            dy = dx
        squares, products = self._dot("squares", x, x), self._dot("products", x, dy)
        count, (_, *vector) = bottoms[0].count, self._vectors()
        kernels.l2_backward(blocks_for(count), x, dy, squares, products, layer.eps, dx, count, *vector)

    def _to_length_one(self, x: DeviceArray, y: DeviceArray) -> None:
        images, length, positions = self._vectors()
        count = images * length * positions
        kernels.l2_forward(
            blocks_for(count), x, self._dot("squares", x, x), self.layer.eps, y, count, length, positions
        )

    def _vectors(self) -> tuple[int, int, int]:
        """The bottom's shape with a vector's elements along the middle axis."""
        images, channels, *spatial = self.layer.shape
        if self.layer.whole_image:
            return images, channels * math.prod(spatial), 1
        return images, channels, math.prod(spatial)

    def _dot(self, name: str, x: DeviceArray, b: DeviceArray) -> DeviceArray:
        """The sums of x b over each vector, a block for each where vectors stand in one piece."""
        images, length, positions = self._vectors()
        vectors = images * positions
        sums = self.scratch(name, vectors)
        if positions == 1:
            channel_sums(self, PRODUCTS, x, ChannelForm.rows(images, length), sums, b=b)
        else:
            kernels.dot_along(blocks_for(vectors), x, b, sums, vectors, length, positions)
        return sums
