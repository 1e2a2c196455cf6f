"""Convolution, Deconvolution, the depthwise forms and Im2col."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.convert.onnx.layer_export import LayerExport
from netcli.convert.onnx.registry import exports
from netcli.layers.convolution.geometry import convolution_windows, transposed_windows
from netcli.layers.windows import Windows


@exports("Convolution", "ConvolutionDepthwise", "DepthwiseConvolution")
def convolution(layer: LayerExport) -> Sequence[str]:
    axis = _channel_axis(layer)
    windows = convolution_windows(layer.layer, layer.shape[axis + 1 :])
    group = layer.settings.group if layer.type_name == "Convolution" else layer.shape[axis]
    return _applied(layer, "Conv", windows, axis, group)


@exports("Deconvolution")
def deconvolution(layer: LayerExport) -> Sequence[str]:
    axis = _channel_axis(layer)
    windows = transposed_windows(layer.layer, layer.shape[axis + 1 :])
    return _applied(layer, "ConvTranspose", windows, axis, layer.settings.group)


@exports("Im2col")
def im2col(layer: LayerExport) -> Sequence[str]:
    """A depthwise convolution that has, for each channel and tap, a weight of 1 at that tap."""
    axis = _channel_axis(layer)
    windows = convolution_windows(layer.layer, layer.shape[axis + 1 :])
    channels = layer.shape[axis]
    taps = np.eye(windows.taps, dtype=np.float32).reshape(windows.taps, 1, *windows.kernel)
    weights = layer.constant(np.tile(taps, (channels, *(1,) * (taps.ndim - 1))), "taps")
    return _applied(layer, "Conv", windows, axis, channels, [weights])


def _channel_axis(layer: LayerExport) -> int:
    axis: int = layer.settings.axis
    return axis % len(layer.shape)


def _applied(
    layer: LayerExport, kind: str, windows: Windows, axis: int, group: int, weights: list[str] | None = None
) -> list[str]:
    """One node for each bottom.

    ONNX wants (N, C, spatial...) with at least one spatial axis: what differs is reshaped, there and back.
    """
    if weights is None:
        weights = _weights(layer)
    flat = not windows.kernel
    attributes = {
        "kernel_shape": windows.kernel or (1,),
        "strides": windows.stride or (1,),
        "pads": (windows.pad or (0,)) * 2,
        "dilations": windows.dilation or (1,),
        "group": group,
    }
    tops = []
    for bottom, shape, top in zip(layer.bottoms, layer.bottom_shapes, layer.top_shapes, strict=True):
        direct = axis == 1 and not flat
        if not direct:
            bottom = layer.reshaped(bottom, (math.prod(shape[:axis]), *shape[axis:], *((1,) if flat else ())))
        made = layer.op(kind, bottom, *weights, **attributes)
        tops.append(made if direct else layer.reshaped(made, top))
    return tops


def _weights(layer: LayerExport) -> list[str]:
    names = []
    for index, name in enumerate(("weight", "bias")[: len(layer.arrays)]):
        flat = index == 0 and layer.arrays[0].ndim == 2
        array = layer.arrays[0]
        names.append(layer.constant(array[..., None], "weight") if flat else layer.parameter(index, name))
    return names
