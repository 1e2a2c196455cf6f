"""Fillers: what stands in a parameter before training starts.

With n the fan of the parameter as ``variance_norm`` says, fan_in = count / shape[0] (FAN_IN, the default),
fan_out = count / shape[1] (FAN_OUT) or their mean (AVERAGE):

    constant            value
    uniform             U[min, max)
    gaussian            N(mean, std^2); with sparse s >= 0, each value is kept with probability s / shape[0]
    xavier              U[-a, a), a = sqrt(3 / n)
    msra                N(0, 2 / n)
    positive_unitball   U[0, 1), then each row along axis 0 divided by its sum
    bilinear            (1 - |x / f - c|) (1 - |y / f - c|), f = ceil(w / 2), c = (w - 1) / (2 f), for a kernel
                        of width and height w that upsamples by f

Sources: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
AISTATS 2010 (xavier, with Caffe's default of fan_in alone); He et al., "Delving deep into rectifiers",
ICCV 2015 (msra); Caffe's filler.hpp for the rest. The numbers drawn are netcli's own, not Caffe's.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from netcli.errors import ConfigError, Place, did_you_mean
from netcli.runtime.blob import Shape
from netcli.schema import caffe_pb2 as pb

_Filler = Callable[[pb.FillerParameter, np.ndarray, np.random.Generator], None]


def fill(
    filler: pb.FillerParameter,
    shape: Shape,
    rng: np.random.Generator,
    dtype: np.dtype | type,
    *,
    place: Place | None = None,
    layer: str | None = None,
) -> np.ndarray:
    """A new array of ``shape`` and ``dtype`` (float32 or float64), filled as ``filler`` says from ``rng``.

    Args:
        place, layer: where the filler stands, for messages.

    Raises:
        ConfigError: see ``check_filler``.
    """
    array = np.empty(shape, dtype)
    check_filler(filler, shape, place=place, layer=layer)
    fill_array(filler, array, rng)
    return array


def fill_array(filler: pb.FillerParameter, array: np.ndarray, rng: np.random.Generator) -> None:
    """Overwrites a C-ordered ``array`` as ``filler``, which ``check_filler`` has passed, says."""
    _FILLERS[filler.type](filler, array, rng)


def check_filler(
    filler: pb.FillerParameter, shape: Shape, *, place: Place | None = None, layer: str | None = None
) -> None:
    """Checks that ``filler`` is known and suits a parameter of ``shape``. Needs no memory.

    Raises:
        ConfigError: NC127 for an unknown type, NC121 for a value out of range, NC126 for ``sparse`` with a
            filler that has none, NC128 for a parameter that a bilinear filler cannot fill.
    """
    if filler.type not in _FILLERS:
        hint, suggestion = did_you_mean(filler.type, _FILLERS)
        raise ConfigError.of(
            "NC127",
            "unknown filler",
            place=place,
            layer=layer,
            expected="one of " + ", ".join(_FILLERS),
            actual=f"'{filler.type}'",
            hint=hint,
            suggestion=suggestion,
        )
    if filler.HasField("sparse") and filler.sparse != -1:
        if filler.type != "gaussian":
            raise ConfigError.of(
                "NC126",
                "sparse goes with the gaussian filler only",
                place=place,
                layer=layer,
                expected="type: 'gaussian'",
                actual=f"type: '{filler.type}'",
            )
        if not 0 <= filler.sparse <= shape[0]:
            raise ConfigError.of(
                "NC121",
                "sparse is out of range",
                place=place,
                layer=layer,
                expected=f"0 to {shape[0]} inputs for each output, or -1 for all",
                actual=filler.sparse,
            )
    if filler.type == "uniform" and not filler.min <= filler.max:
        raise ConfigError.of(
            "NC121",
            "the uniform filler's range is empty",
            place=place,
            layer=layer,
            expected=f"max of at least min ({filler.min:g})",
            actual=f"{filler.max:g}",
        )
    if filler.type == "gaussian" and not filler.std >= 0:
        raise ConfigError.of(
            "NC121",
            "std is out of range",
            place=place,
            layer=layer,
            expected="at least 0",
            actual=f"{filler.std:g}",
        )
    if filler.type == "bilinear" and (len(shape) != 4 or shape[2] != shape[3]):
        raise ConfigError.of(
            "NC128",
            "the bilinear filler does not suit the parameter's shape",
            place=place,
            layer=layer,
            expected="4 axes, the last two of one length",
            actual=shape,
        )


def _fan(filler: pb.FillerParameter, shape: Shape) -> float:
    """The n of the scaled fillers. A parameter of one axis has fan_out = count, as in Caffe."""
    count = math.prod(shape)
    fan_in = count / shape[0] if shape else 1.0
    fan_out = count / shape[1] if len(shape) > 1 else float(count)
    if filler.variance_norm == pb.FillerParameter.FAN_OUT:
        return fan_out
    if filler.variance_norm == pb.FillerParameter.AVERAGE:
        return (fan_in + fan_out) / 2
    return fan_in


def _uniform_between(low: float, high: float, array: np.ndarray, rng: np.random.Generator) -> None:
    rng.random(dtype=array.dtype, out=array)
    array *= high - low
    array += low


def _normal(mean: float, std: float, array: np.ndarray, rng: np.random.Generator) -> None:
    rng.standard_normal(dtype=array.dtype, out=array)
    array *= std
    array += mean


def _constant(filler: pb.FillerParameter, array: np.ndarray, rng: np.random.Generator) -> None:
    array.fill(filler.value)


def _uniform(filler: pb.FillerParameter, array: np.ndarray, rng: np.random.Generator) -> None:
    _uniform_between(filler.min, filler.max, array, rng)


def _gaussian(filler: pb.FillerParameter, array: np.ndarray, rng: np.random.Generator) -> None:
    _normal(filler.mean, filler.std, array, rng)
    if filler.sparse >= 0:
        array *= rng.random(array.shape) < filler.sparse / array.shape[0]


def _xavier(filler: pb.FillerParameter, array: np.ndarray, rng: np.random.Generator) -> None:
    scale = math.sqrt(3 / _fan(filler, array.shape))
    _uniform_between(-scale, scale, array, rng)


def _msra(filler: pb.FillerParameter, array: np.ndarray, rng: np.random.Generator) -> None:
    _normal(0.0, math.sqrt(2 / _fan(filler, array.shape)), array, rng)


def _positive_unitball(filler: pb.FillerParameter, array: np.ndarray, rng: np.random.Generator) -> None:
    rng.random(dtype=array.dtype, out=array)
    rows = array.reshape(array.shape[0], -1)
    rows /= rows.sum(axis=1, keepdims=True)


def _bilinear(filler: pb.FillerParameter, array: np.ndarray, rng: np.random.Generator) -> None:
    size = array.shape[3]
    factor = math.ceil(size / 2)
    centre = (size - 1) / (2 * factor)
    ramp = 1 - np.abs(np.arange(size) / factor - centre)
    array[...] = ramp[:, None] * ramp[None, :]


_FILLERS: dict[str, _Filler] = {
    "constant": _constant,
    "uniform": _uniform,
    "gaussian": _gaussian,
    "xavier": _xavier,
    "msra": _msra,
    "positive_unitball": _positive_unitball,
    "bilinear": _bilinear,
}
