"""Functions of one number: ReLU and its kin, powers, logarithms; and layers that are the identity in phase TEST."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.convert.onnx.layer_export import LayerExport
from netcli.convert.onnx.registry import exports

_OF_THE_SAME_MEANING = {"AbsVal": "Abs", "BNLL": "Softplus", "Sigmoid": "Sigmoid", "TanH": "Tanh"}


@exports(*_OF_THE_SAME_MEANING)
def same(layer: LayerExport) -> Sequence[str]:
    return [layer.op(_OF_THE_SAME_MEANING[layer.type_name], layer.bottom)]


@exports("ReLU")
def relu(layer: LayerExport) -> Sequence[str]:
    slope = layer.settings.negative_slope
    if slope == 0:
        return [layer.op("Relu", layer.bottom)]
    return [layer.op("LeakyRelu", layer.bottom, alpha=slope)]


@exports("ReLU6")
def relu6(layer: LayerExport) -> Sequence[str]:
    return [layer.op("Clip", layer.bottom, layer.constant(0, "min"), layer.constant(6, "max"))]


@exports("Clip")
def clip(layer: LayerExport) -> Sequence[str]:
    bounds = layer.constant(layer.settings.min, "min"), layer.constant(layer.settings.max, "max")
    return [layer.op("Clip", layer.bottom, *bounds)]


@exports("PReLU")
def prelu(layer: LayerExport) -> Sequence[str]:
    """The slopes get an axis of size 1 for every axis behind the channels, so that they broadcast."""
    slopes = layer.arrays[0]
    behind = (1,) * (len(layer.shape) - 2) if slopes.ndim else ()
    return [layer.op("PRelu", layer.bottom, layer.constant(slopes.reshape(-1, *behind), "slope"))]


@exports("ELU")
def elu(layer: LayerExport) -> Sequence[str]:
    return [layer.op("Elu", layer.bottom, alpha=layer.settings.alpha)]


@exports("Swish")
def swish(layer: LayerExport) -> Sequence[str]:
    gate = layer.op("Sigmoid", layer.scaled(layer.bottom, layer.settings.beta))
    return [layer.op("Mul", layer.bottom, gate)]


@exports("Exp")
def exponential(layer: LayerExport) -> Sequence[str]:
    """base^(shift + scale x) = e^(log(base) scale x) times base^shift."""
    settings = layer.settings
    log_base = _natural_log(settings.base)
    power = layer.op("Exp", layer.scaled(layer.bottom, log_base * settings.scale))
    return [layer.scaled(power, math.exp(log_base * settings.shift))]


@exports("Log")
def logarithm(layer: LayerExport) -> Sequence[str]:
    settings = layer.settings
    inner = layer.shifted(layer.scaled(layer.bottom, settings.scale), settings.shift)
    return [layer.scaled(layer.op("Log", inner), 1 / _natural_log(settings.base))]


@exports("Power")
def power(layer: LayerExport) -> Sequence[str]:
    """A power of 0, and a scale of 0, give one number whatever the values are: NaN among them, as in netcli."""
    settings = layer.settings
    if settings.power == 0 or settings.scale == 0:
        with np.errstate(all="ignore"):
            number = np.float32(settings.shift) ** np.float32(settings.power)
        shape = layer.op("Shape", layer.bottom)
        return [layer.op("Expand", layer.constant(number, "number"), shape)]
    inner = layer.shifted(layer.scaled(layer.bottom, settings.scale), settings.shift)
    if settings.power == 1:
        return [inner]
    return [layer.op("Pow", inner, layer.constant(settings.power, "power"))]


@exports("Threshold")
def threshold(layer: LayerExport) -> Sequence[str]:
    above = layer.op("Greater", layer.bottom, layer.constant(layer.settings.threshold, "threshold"))
    return [layer.op("Cast", above, to=1)]


@exports("Dropout")
def dropout(layer: LayerExport) -> Sequence[str]:
    """The identity in phase TEST; a layer that has ``phase: TRAIN`` of its own draws, which a model cannot."""
    if layer.layer.training:
        raise layer.refused("it has phase TRAIN of its own, and draws at random")
    return [layer.bottom]


@exports("Split")
def split(layer: LayerExport) -> Sequence[str]:
    return [layer.bottom] * len(layer.top_shapes)


@exports("Silence")
def silence(layer: LayerExport) -> Sequence[str]:
    return []


def _natural_log(base: float) -> float:
    """log(base), 1 for Caffe's -1."""
    return 1.0 if base == -1 else math.log(base)
