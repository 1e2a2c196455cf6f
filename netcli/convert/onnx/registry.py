"""How each layer type becomes ONNX: the table, and what is told where a type has no place in it."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from types import MappingProxyType

from netcli.convert.onnx.layer_export import LayerExport

Exporter = Callable[[LayerExport], Sequence[str]]

NO_COUNTERPART = {
    "AngularMargin": "with an axis other than 1, its features get their length along axes that no layer normalises",
    "Accuracy": "it measures the net against labels, which a deployed net does not get",
    "HDF5Output": "it writes a file",
    "Python": "its code is a user's",
}
"""layer type -> why it cannot be exported, for types that are no losses"""

_FAMILIES = (
    "activations", "arrangement", "combination", "normalisation", "pooling", "products", "recurrent", "reduction",
    "resampling", "sources", "windows",
)  # fmt: skip
_EXPORTERS: dict[str, Exporter] = {}


def exports(*types: str) -> Callable[[Exporter], Exporter]:
    """Registers a function for layer ``types``: it adds nodes, and returns the values that are the layer's tops."""

    def add(exporter: Exporter) -> Exporter:
        for name in types:
            if name in _EXPORTERS:
                raise ValueError(f"layer type {name!r} is exported twice")
            _EXPORTERS[name] = exporter
        return exporter

    return add


@functools.cache
def exporters() -> MappingProxyType[str, Exporter]:
    """All functions by layer type. The first call imports every family."""
    for family in _FAMILIES:
        importlib.import_module(f"netcli.convert.onnx.{family}")
    return MappingProxyType(dict(sorted(_EXPORTERS.items())))


def exporter_of(layer: LayerExport) -> Exporter:
    """The function for ``layer``. Raises RunError NC600 where there is none."""
    found = exporters().get(layer.type_name)
    if found is None:
        why = NO_COUNTERPART.get(
            layer.type_name, "it is a loss, and compares with labels that a deployed net does not get"
        )
        raise layer.refused(why)
    return found
