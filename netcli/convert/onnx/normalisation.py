"""LRN, BatchNorm, MVN, Normalize, Scale and Bias."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.convert.onnx.layer_export import LayerExport
from netcli.convert.onnx.registry import exports
from netcli.layers.normalisation.coefficients import Span, given_span, learned_span
from netcli.schema import caffe_pb2 as pb

_EPS_WITHOUT_SETTINGS = 1e-6


@exports("LRN")
def local_response(layer: LayerExport) -> Sequence[str]:
    """ONNX's LRN divides alpha by the size, as Caffe does across channels."""
    settings = layer.settings
    if settings.norm_region == pb.LRNParameter.WITHIN_CHANNEL:
        return [_within_channel(layer)]
    if settings.alpha > 0 and settings.beta > 0:
        return [
            layer.op("LRN", layer.bottom, alpha=settings.alpha, beta=settings.beta, bias=settings.k,
                     size=settings.local_size)
        ]  # fmt: skip
    return [_across_channels(layer)]


def _within_channel(layer: LayerExport) -> str:
    """x (1 + alpha mean)^-beta, with the mean of x^2 over a window that is zero outside of the image."""
    settings = layer.settings
    size, margin = settings.local_size, (settings.local_size - 1) // 2
    squares = layer.op("Mul", layer.bottom, layer.bottom)
    mean = layer.op(
        "AveragePool", squares, kernel_shape=(size, size), strides=(1, 1), pads=(margin,) * 4, count_include_pad=1
    )
    return _divided(layer, layer.shifted(layer.scaled(mean, settings.alpha), 1))


def _across_channels(layer: LayerExport) -> str:
    """For an alpha or beta that ONNX's LRN is not made for: channels become the height of an image with one channel."""
    settings = layer.settings
    batch, channels, *plane = layer.shape
    size, margin = settings.local_size, (settings.local_size - 1) // 2
    squares = layer.op("Mul", layer.bottom, layer.bottom)
    columns = layer.reshaped(squares, (batch, 1, channels, int(np.prod(plane))))
    mean = layer.op(
        "AveragePool", columns, kernel_shape=(size, 1), strides=(1, 1), pads=(margin, 0, margin, 0),
        count_include_pad=1,
    )  # fmt: skip
    mean = layer.reshaped(mean, layer.shape)
    return _divided(layer, layer.shifted(layer.scaled(mean, settings.alpha), settings.k))


def _divided(layer: LayerExport, base: str) -> str:
    """The bottom times base^-beta."""
    return layer.op("Mul", layer.bottom, layer.op("Pow", base, layer.constant(-layer.settings.beta, "power")))


@exports("BatchNorm")
def batch_norm(layer: LayerExport) -> Sequence[str]:
    """By the stored statistics, or by the batch's where ``use_global_stats: false`` says so."""
    settings = layer.settings
    stored = settings.use_global_stats if settings.HasField("use_global_stats") else not layer.layer.training
    if not stored:
        others = [axis for axis in range(len(layer.shape)) if axis != 1]
        return [_to_unit_variance(layer, others, settings.eps)]
    weight = layer.arrays[2][0]
    share = np.float32(0 if weight == 0 else 1 / weight)
    mean, variance = layer.arrays[0] * share, layer.arrays[1] * share
    if len(layer.shape) == 1:
        with np.errstate(invalid="ignore"):
            gain = 1 / np.sqrt(variance + np.float32(settings.eps))
        centred = layer.op("Sub", layer.bottom, layer.constant(mean, "mean"))
        return [layer.op("Mul", centred, layer.constant(gain, "gain"))]
    one, zero = layer.constant(np.ones_like(mean), "scale"), layer.constant(np.zeros_like(mean), "bias")
    statistics = layer.constant(mean, "mean"), layer.constant(variance, "variance")
    return [layer.op("BatchNormalization", layer.bottom, one, zero, *statistics, epsilon=settings.eps)]


def _to_unit_variance(layer: LayerExport, axes: list[int], eps: float) -> str:
    """(x - mean) / sqrt(variance + eps) over ``axes``."""
    centred = layer.op("Sub", layer.bottom, layer.op("ReduceMean", layer.bottom, axes=axes, keepdims=1))
    variance = layer.op("ReduceMean", layer.op("Mul", centred, centred), axes=axes, keepdims=1)
    return layer.op("Div", centred, layer.op("Sqrt", layer.shifted(variance, eps)))


@exports("MVN")
def mean_variance(layer: LayerExport) -> Sequence[str]:
    """Unlike BatchNorm's, eps is added to the deviation and not to the variance."""
    settings = layer.settings
    axes = list(range(1 if settings.across_channels else 2, len(layer.shape)))
    centred = layer.bottom
    if axes:
        centred = layer.op("Sub", layer.bottom, layer.op("ReduceMean", layer.bottom, axes=axes, keepdims=1))
    else:
        centred = layer.op("Sub", layer.bottom, layer.bottom)
    if not settings.normalize_variance:
        return [centred]
    squares = layer.op("Mul", centred, centred)
    variance = layer.op("ReduceMean", squares, axes=axes, keepdims=1) if axes else squares
    return [layer.op("Div", centred, layer.shifted(layer.op("Sqrt", variance), settings.eps))]


@exports("Normalize")
def unit_length(layer: LayerExport) -> Sequence[str]:
    settings = layer.param.norm_param
    learned = layer.param.HasField("norm_param")
    whole_image = learned and settings.across_spatial
    axes = layer.integers(list(range(1, len(layer.shape))) if whole_image else [1], "axes")
    squares = layer.op("ReduceSum", layer.op("Mul", layer.bottom, layer.bottom), axes, keepdims=1)
    eps = settings.eps if learned else _EPS_WITHOUT_SETTINGS
    y = layer.op("Div", layer.bottom, layer.op("Sqrt", layer.shifted(squares, eps)))
    if not learned:
        return [y]
    span = Span(layer.shape, 1, 0 if settings.channel_shared else 1)
    return [layer.op("Mul", y, _coefficients(layer, span, 0, "scale"))]


@exports("Scale")
def scale(layer: LayerExport) -> Sequence[str]:
    settings = layer.settings
    if len(layer.bottoms) == 1:
        span = learned_span(layer.layer, layer.shape, settings.axis, settings.num_axes, "scale_param")
        factors = _coefficients(layer, span, 0, "scale")
    else:
        span, factors = _given(layer, settings.axis, "scale_param")
    y = layer.op("Mul", layer.bottom, factors)
    if settings.bias_term:
        y = layer.op("Add", y, _coefficients(layer, span, len(layer.arrays) - 1, "bias"))
    return [y]


@exports("Bias")
def bias(layer: LayerExport) -> Sequence[str]:
    settings = layer.settings
    if len(layer.bottoms) == 1:
        span = learned_span(layer.layer, layer.shape, settings.axis, settings.num_axes, "bias_param")
        return [layer.op("Add", layer.bottom, _coefficients(layer, span, 0, "bias"))]
    return [layer.op("Add", layer.bottom, _given(layer, settings.axis, "bias_param")[1])]


def _coefficients(layer: LayerExport, span: Span, index: int, name: str) -> str:
    """A parameter with axes of size 1 behind it, so that it broadcasts."""
    behind = len(span.shape) - span.first - span.axes if span.axes else 0
    return layer.constant(layer.arrays[index].reshape(span.coefficient_shape + (1,) * behind), name)


def _given(layer: LayerExport, axis: int, field: str) -> tuple[Span, str]:
    """The second bottom, likewise."""
    shape = layer.bottom_shapes[1]
    span = given_span(layer.layer, layer.shape, shape, axis, field)
    behind = len(span.shape) - span.first - span.axes if span.axes else 0
    if behind == 0:
        return span, layer.bottoms[1]
    return span, layer.reshaped(layer.bottoms[1], (*shape, *(1,) * behind))
