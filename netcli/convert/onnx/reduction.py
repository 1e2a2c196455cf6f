"""Softmax, Reduction and ArgMax."""

from __future__ import annotations

import math
from collections.abc import Sequence

from netcli.convert.onnx.layer_export import LayerExport
from netcli.convert.onnx.registry import exports
from netcli.schema import caffe_pb2 as pb

_FLOAT = 1
_LAST = 2**31 - 1


@exports("Softmax")
def softmax(layer: LayerExport) -> Sequence[str]:
    return [layer.op("Softmax", layer.bottom, axis=layer.settings.axis % len(layer.shape))]


@exports("Reduction")
def reduction(layer: LayerExport) -> Sequence[str]:
    settings = layer.settings
    axes = list(range(settings.axis % len(layer.shape), len(layer.shape)))
    operation = settings.operation
    if operation == pb.ReductionParameter.SUM:
        y = layer.op("ReduceSum", layer.bottom, layer.integers(axes, "axes"), keepdims=0)
    else:
        kinds = {
            pb.ReductionParameter.ASUM: "ReduceL1",
            pb.ReductionParameter.SUMSQ: "ReduceSumSquare",
            pb.ReductionParameter.MEAN: "ReduceMean",
        }
        y = layer.op(kinds[operation], layer.bottom, axes=axes, keepdims=0)
    return [layer.scaled(y, settings.coeff)]


@exports("ArgMax")
def argmax(layer: LayerExport) -> Sequence[str]:
    """Of equal values Caffe takes the last, ONNX's TopK the first: so the values are looked at from the end."""
    settings = layer.settings
    along_axis = settings.HasField("axis")
    axis = settings.axis % len(layer.shape) if along_axis else 1
    x, size = layer.bottom, layer.shape[axis] if along_axis else math.prod(layer.shape[1:])
    if not along_axis:
        x = layer.reshaped(x, (layer.shape[0], size))
    backwards = (
        layer.integers([-1], "start"), layer.integers([-_LAST], "end"), layer.integers([axis], "axis"),
        layer.integers([-1], "step"),
    )  # fmt: skip
    x = layer.op("Slice", x, *backwards)
    count = layer.integers([settings.top_k], "top_k")
    values, from_end = layer.ops("TopK", x, count, outputs=2, axis=axis, largest=1, sorted=1)
    indices = layer.op("Sub", layer.constant(size - 1, "last"), layer.op("Cast", from_end, to=_FLOAT))
    if along_axis:
        return [values if settings.out_max_val else indices]
    if settings.out_max_val:
        rows = (layer.shape[0], 1, settings.top_k)
        indices = layer.op("Concat", layer.reshaped(indices, rows), layer.reshaped(values, rows), axis=1)
    return [layer.reshaped(indices, layer.top_shapes[0])]
