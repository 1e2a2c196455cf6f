"""Layers that move values: Flatten, Reshape, Permute, ShuffleChannel, Tile, Crop."""

from __future__ import annotations

from collections.abc import Sequence

from netcli.convert.onnx.layer_export import LayerExport
from netcli.convert.onnx.registry import exports


@exports("Flatten", "Reshape")
def same_values(layer: LayerExport) -> Sequence[str]:
    top = layer.top_shapes[0]
    if layer.shape == top:
        return [layer.bottom]
    if layer.type_name == "Flatten" and len(top) == 2 and top[0] == layer.shape[0]:
        return [layer.op("Flatten", layer.bottom, axis=1)]
    return [layer.reshaped(layer.bottom, top)]


@exports("Permute")
def permute(layer: LayerExport) -> Sequence[str]:
    """Axes that ``order`` leaves out follow, ascending."""
    order = list(layer.settings.order)
    order += [axis for axis in range(len(layer.shape)) if axis not in order]
    return [layer.op("Transpose", layer.bottom, perm=order)]


@exports("ShuffleChannel")
def shuffle(layer: LayerExport) -> Sequence[str]:
    """The channels as a table of ``group`` rows, transposed."""
    group = layer.settings.group
    batch, channels, *rest = layer.shape
    table = layer.reshaped(layer.bottom, (batch, group, channels // group, *rest))
    dealt = layer.op("Transpose", table, perm=[0, 2, 1, *range(3, len(rest) + 3)])
    return [layer.reshaped(dealt, layer.shape)]


@exports("Tile")
def tile(layer: LayerExport) -> Sequence[str]:
    repeats = [1] * len(layer.shape)
    repeats[layer.settings.axis] = layer.settings.tiles
    return [layer.op("Tile", layer.bottom, layer.integers(repeats, "repeats"))]


@exports("Crop")
def crop(layer: LayerExport) -> Sequence[str]:
    """A part of the first bottom; of the second one only the shape counts, and that is known."""
    axis = layer.settings.axis % len(layer.shape)
    axes = list(range(axis, len(layer.shape)))
    given = list(layer.settings.offset) or [0]
    offsets = given * len(axes) if len(given) == 1 else given
    ends = [offset + layer.top_shapes[0][at] for at, offset in zip(axes, offsets, strict=True)]
    cut = layer.integers(offsets, "starts"), layer.integers(ends, "ends"), layer.integers(axes, "axes")
    return [layer.op("Slice", layer.bottom, *cut)]
