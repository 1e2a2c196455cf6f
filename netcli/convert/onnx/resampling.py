"""Interp and Upsample."""

from __future__ import annotations

from collections.abc import Sequence

from netcli.convert.onnx.layer_export import LayerExport
from netcli.convert.onnx.registry import exports

_HEIGHT_AND_WIDTH = (2, 3)


@exports("Interp")
def interp(layer: LayerExport) -> Sequence[str]:
    """Cut by ``pad_beg`` and ``pad_end``, then bilinear with the corners on the corners."""
    settings = layer.settings
    x = layer.bottom
    if settings.pad_beg or settings.pad_end:
        starts = layer.integers([-settings.pad_beg] * 2, "starts")
        ends = layer.integers([size + settings.pad_end for size in layer.shape[2:]], "ends")
        x = layer.op("Slice", x, starts, ends, layer.integers(_HEIGHT_AND_WIDTH, "axes"))
    front = layer.op("Shape", x, start=0, end=2)
    sizes = layer.op("Concat", front, layer.integers(layer.top_shapes[0][2:], "size"), axis=0)
    return [
        layer.op("Resize", x, "", "", sizes, mode="linear", coordinate_transformation_mode="align_corners"),
    ]


@exports("Upsample")
def upsample(layer: LayerExport) -> Sequence[str]:
    factor = layer.settings.scale
    factors = layer.constant([1, 1, factor, factor], "factors")
    return [
        layer.op("Resize", layer.bottom, "", factors, mode="nearest", nearest_mode="floor",
                 coordinate_transformation_mode="asymmetric")
    ]  # fmt: skip
