"""Layers without bottoms that are part of the net: Parameter, and DummyData with constants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.convert.onnx.layer_export import LayerExport
from netcli.convert.onnx.registry import exports


@exports("Parameter")
def parameter(layer: LayerExport) -> Sequence[str]:
    return [layer.parameter(0, "value")]


@exports("DummyData")
def dummy_data(layer: LayerExport) -> Sequence[str]:
    """One number everywhere; random fillers become inputs of the model before they come here."""
    fillers = list(layer.settings.data_filler)
    values = [filler.value for filler in fillers] or [0.0]
    if len(values) == 1:
        values *= len(layer.top_shapes)
    return [
        layer.constant(np.full(shape, value), "values") for shape, value in zip(layer.top_shapes, values, strict=True)
    ]
