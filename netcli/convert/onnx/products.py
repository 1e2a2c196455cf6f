"""InnerProduct and Embed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.convert.onnx.layer_export import LayerExport
from netcli.convert.onnx.registry import exports

_LEAST_SQUARED_LENGTH = 1e-12
_INT64 = 7
"""ONNX's number of this element type, for Cast."""


@exports("InnerProduct")
def inner_product(layer: LayerExport) -> Sequence[str]:
    settings = layer.settings
    axis = settings.axis % len(layer.shape)
    x = layer.bottom
    if axis != 1:
        x = layer.reshaped(x, (math.prod(layer.shape[:axis]), math.prod(layer.shape[axis:])))
    elif len(layer.shape) > 2:
        x = layer.op("Flatten", x, axis=1)
    if settings.normalize:
        rows = layer.arrays[0]
        lengths = np.sqrt((rows * rows).sum(axis=1, keepdims=True) + np.float32(_LEAST_SQUARED_LENGTH))
        weights = layer.constant(rows / lengths, "weight")
    else:
        weights = layer.parameter(0, "weight")
    bias = [layer.parameter(1, "bias")] if settings.bias_term else []
    y = layer.op("Gemm", x, weights, *bias, transB=int(not settings.transpose))
    return [y if axis == 1 else layer.reshaped(y, layer.top_shapes[0])]


@exports("Embed")
def embed(layer: LayerExport) -> Sequence[str]:
    indices = layer.op("Cast", layer.bottom, to=_INT64)
    rows = layer.op("Gather", layer.parameter(0, "weight"), indices, axis=0)
    return [layer.op("Add", rows, layer.parameter(1, "bias")) if layer.settings.bias_term else rows]
