"""The table of layer types: who registers, and what happens when a type is not there."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable
from types import MappingProxyType
from typing import TypeVar

import netcli.layers
from netcli.layers.layer import CountRule, Layer

LayerClass = TypeVar("LayerClass", bound=type[Layer])

_LAYERS: dict[str, type[Layer]] = {}
_KERNEL_MODULES = ("cpu", "cuda", "bodies")


def register(
    type_name: str,
    *,
    v1: str | None = None,
    param: str | None = None,
    bottoms: CountRule = 1,
    tops: CountRule | str = 1,
    in_place: bool = False,
    loss: bool = False,
    undifferentiable: tuple[int, ...] = (),
    no_gradient: str = "",
    gradient_error: float = 0.0,
    reads: tuple[str, ...] = (),
    fork: str = "",
) -> Callable[[LayerClass], LayerClass]:
    """Registers a layer class under Caffe's type name.

    Args:
        type_name: the value of ``type:`` in a prototxt.
        v1: the type's name in V1 prototxts, where it had one.
        param: the field of LayerParameter that holds the layer's settings.
        bottoms, tops: how many blobs it takes: a number, or (least, most) with None for no limit; tops may
            be ``EQUAL_TO_BOTTOMS``.
        in_place: whether a top may be the bottom of the same position.
        loss: the first top has loss weight 1 by default and appears by itself when the prototxt names none.
        undifferentiable: positions of bottoms that never get a gradient (labels).
        no_gradient: why there is no gradient that differences of forward could confirm, e.g. "it makes data". Where
            that depends on the settings or the blob, the class has ``gradient_exception`` instead.
        gradient_error: how far backward may be off, relative to the gradient, where Caffe's formula is not exact.
        reads: fields of LayerParameter for several types that it heeds besides ``param``.
        fork: the fork of Caffe that the type comes from; empty for BVLC's own.
    """

    def add(layer: LayerClass) -> LayerClass:
        if type_name in _LAYERS:
            raise ValueError(f"layer type {type_name!r} is registered twice")
        layer.type_name = type_name
        layer.v1_name = v1
        layer.param_field = param
        layer.bottoms = bottoms
        layer.tops = tops
        layer.in_place = in_place
        layer.is_loss = loss
        layer.undifferentiable_bottoms = undifferentiable
        layer.no_gradient = no_gradient
        layer.gradient_error = gradient_error
        layer.shared_fields = reads
        layer.fork = fork
        _LAYERS[type_name] = layer
        return layer

    return add


@functools.cache
def layer_types() -> MappingProxyType[str, type[Layer]]:
    """All layer classes by type name. The first call imports every family, but no kernel."""
    for family in pkgutil.iter_modules(netcli.layers.__path__, "netcli.layers."):
        if family.ispkg:
            package = importlib.import_module(family.name)
            for module in pkgutil.iter_modules(package.__path__, f"{family.name}."):
                if module.name.rpartition(".")[2].split("_")[0] not in _KERNEL_MODULES:
                    importlib.import_module(module.name)
    return MappingProxyType(dict(sorted(_LAYERS.items())))
