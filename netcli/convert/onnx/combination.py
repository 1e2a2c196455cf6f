"""Layers that join several blobs, take one apart or pick images: Concat, Slice, Eltwise, Axpy, Filter, BatchReindex."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from netcli.convert.onnx.layer_export import LayerExport
from netcli.convert.onnx.registry import exports
from netcli.layers.combine.old_axis import axis_or_dim
from netcli.schema import caffe_pb2 as pb

_INT64, _BOOL = 7, 9
"""ONNX's numbers of element types, for Cast."""


@exports("Concat")
def concat(layer: LayerExport) -> Sequence[str]:
    axis = axis_or_dim(layer.layer, "concat_param", "concat_dim", len(layer.shape))
    return [layer.op("Concat", *layer.bottoms, axis=axis)]


@exports("Slice")
def slices(layer: LayerExport) -> Sequence[str]:
    axis = axis_or_dim(layer.layer, "slice_param", "slice_dim", len(layer.shape))
    if len(layer.top_shapes) == 1:
        return [layer.bottom]
    sizes = layer.integers([top[axis] for top in layer.top_shapes], "sizes")
    return layer.ops("Split", layer.bottom, sizes, outputs=len(layer.top_shapes), axis=axis)


@exports("Eltwise")
def eltwise(layer: LayerExport) -> Sequence[str]:
    operation = layer.settings.operation
    if operation == pb.EltwiseParameter.SUM:
        coefficients = list(layer.settings.coeff) or [1.0] * len(layer.bottoms)
        terms = [layer.scaled(bottom, factor) for bottom, factor in zip(layer.bottoms, coefficients, strict=True)]
        return [functools.reduce(lambda left, right: layer.op("Add", left, right), terms)]
    if operation == pb.EltwiseParameter.PROD:
        return [functools.reduce(lambda left, right: layer.op("Mul", left, right), layer.bottoms)]
    return [layer.op("Max", *layer.bottoms)]


@exports("Axpy")
def axpy(layer: LayerExport) -> Sequence[str]:
    """The first bottom, a number for each channel, gets an axis of size 1 for each one behind the channels."""
    factors, x, added = layer.bottoms
    wanted = (*layer.shape[:2], *(1,) * (len(layer.bottom_shapes[1]) - 2))
    if layer.shape != wanted:
        factors = layer.reshaped(factors, wanted)
    return [layer.op("Add", layer.op("Mul", factors, x), added)]


@exports("Filter")
def selected(layer: LayerExport) -> Sequence[str]:
    """As many images as the selector says, which only the data tell."""
    *blobs, selector = layer.bottoms
    chosen = layer.op("Cast", layer.op("Reshape", selector, layer.integers([-1], "shape")), to=_BOOL)
    return [layer.op("Compress", blob, chosen, axis=0) for blob in blobs]


@exports("BatchReindex")
def reindexed(layer: LayerExport) -> Sequence[str]:
    indices = layer.op("Cast", layer.bottoms[1], to=_INT64)
    return [layer.op("Gather", layer.bottom, indices, axis=0)]
