"""Where a coordinate of one top lies in another: what crops in fully convolutional nets are computed from.

A map (axis, a, b) says that coordinate i of the one is coordinate a i + b of the other, along every spatial axis
from ``axis`` on; axis None is the identity's, which fits any. For a window of k values, stride s and padding p the
top coordinate of bottom coordinate i is

    convolution, pooling, im2col   i / s + (p - (k - 1) / 2) / s        (k - 1 times the dilation)
    deconvolution                  s i + (k - 1) / 2 - p
    crop                           i - offset

Source: Long, Shelhamer and Darrell, Fully Convolutional Networks for Semantic Segmentation, and pycaffe's coord_map.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from netcli.errors import RunError
from netcli.pycaffe.net_spec import Function, Top, layers

Map = tuple[int | None, Any, Any]
"""(axis, a, b); a and b are numbers, or arrays with one number for each spatial axis."""

IDENTITY: Map = (None, 1, 0)

PASS_THROUGH_LAYERS = frozenset(
    [
        *("AbsVal", "BNLL", "BatchNorm", "Bias", "Clip", "Dropout", "ELU", "Eltwise", "Exp", "LRN", "Log", "MVN"),
        *("PReLU", "Power", "ReLU", "Scale", "Sigmoid", "Softmax", "Split", "Swish", "TanH", "Threshold"),
    ]
)
"""Layers that leave every value where it is."""

_WINDOWS = {"Convolution": "convolution_param", "Im2col": "convolution_param", "Pooling": "pooling_param"}
_LEGACY = ("kernel_h", "kernel_w", "stride_h", "stride_w", "pad_h", "pad_w")


class UndefinedMapException(RunError):
    """A layer through which no coordinate can be followed (NC592)."""


class AxisMismatchException(RunError):
    """Maps that begin at different axes (NC592)."""


def coord_map(fn: Function) -> Map:
    """The map from the bottom of a layer to its top. Raises UndefinedMapException."""
    if fn.type_name in _WINDOWS:
        axis, stride, kernel, pad = _window(fn, _WINDOWS[fn.type_name])
        return axis, 1 / stride, (pad - (kernel - 1) / 2) / stride
    if fn.type_name == "Deconvolution":
        axis, stride, kernel, pad = _window(fn, "convolution_param")
        return axis, stride, (kernel - 1) / 2 - pad
    if fn.type_name in PASS_THROUGH_LAYERS:
        return IDENTITY
    if fn.type_name == "Crop":
        params = fn.params.get("crop_param", fn.params)
        return params.get("axis", 2) - 1, 1, -np.array(params.get("offset", 0))
    raise UndefinedMapException.of("NC592", f"no coordinates can be followed through a {fn.type_name} layer")


def compose(base: Map, following: Map) -> Map:
    """``following`` first, then ``base``. Raises AxisMismatchException."""
    (axis1, a1, b1), (axis2, a2, b2) = base, following
    if axis1 is not None and axis2 is not None and axis1 != axis2:
        raise AxisMismatchException.of("NC592", "the maps begin at different axes", expected=axis1, actual=axis2)
    return axis2 if axis1 is None else axis1, a1 * a2, a1 * b2 + b1


def inverse(mapping: Map) -> Map:
    """The map back."""
    axis, a, b = mapping
    return axis, 1 / a, -b / a


def coord_map_from_to(top_from: Top, top_to: Top) -> Map:
    """The map from coordinates of ``top_from`` to those of ``top_to``, through a blob that both are computed from.

    Raises:
        RunError: NC592 if no spatial layers lead from one blob to both.
    """
    from_maps = _maps_up(top_from)
    to_maps = _maps_up(top_to)
    for top, mapping in to_maps.items():
        if top in from_maps:
            return compose(mapping, inverse(from_maps[top]))
    raise RunError.of("NC592", "no spatial layers lead from one blob to both tops")


def crop(top_from: Top, top_to: Top) -> Top:
    """A Crop layer that cuts ``top_from`` to the size and place of ``top_to``.

    Raises:
        RunError: NC592 if no crop can do that: another scale, or an offset that is negative or not whole.
    """
    axis, a, b = coord_map_from_to(top_from, top_to)
    if (np.asarray(a) != 1).any():
        raise RunError.of("NC592", "a crop cannot change the scale", expected="a = 1", actual=f"a = {a}")
    if (np.asarray(b) > 0).any():
        raise RunError.of("NC592", "a crop cannot have a negative offset", expected="b <= 0", actual=f"b = {b}")
    if (np.round(b) != b).any():
        raise RunError.of("NC592", "a crop cannot have a fractional offset", expected="a whole b", actual=f"b = {b}")
    # The identity has no axis; the first spatial one does then.
    offsets = [int(offset) for offset in np.atleast_1d(-np.round(b))]
    return layers.Crop(top_from, top_to, crop_param={"axis": (1 if axis is None else axis) + 1, "offset": offsets})


def _maps_up(top: Top) -> dict[Top, Map]:
    """Everything that ``top`` is computed from by spatial layers, with the maps from there to ``top``."""
    maps: dict[Top, Map] = {top: IDENTITY}
    waiting = [top]
    while waiting:
        reached = waiting.pop(0)
        try:
            step = coord_map(reached.fn)
        except UndefinedMapException:
            continue
        # A crop's second bottom gives it the size only.
        bottoms = reached.fn.inputs[:1] if reached.fn.type_name == "Crop" else reached.fn.inputs
        for bottom in bottoms:
            if bottom not in maps:
                maps[bottom] = compose(maps[reached], step)
                waiting.append(bottom)
    return maps


def _window(fn: Function, field: str) -> tuple[int, Any, Any, Any]:
    """(axis, stride, extent of the kernel, padding); numbers, or arrays where there is one for each axis."""
    params: Mapping[str, Any] = fn.params.get(field, fn.params)
    if any(name in params for name in _LEGACY):
        given = ", ".join(name for name in _LEGACY if name in params)
        raise RunError.of(
            "NC592", f"the coordinates of a {fn.type_name} layer can be mapped only if its sizes are lists",
            expected="kernel_size, stride and pad", actual=given,
        )  # fmt: skip
    if "kernel_size" not in params:
        raise UndefinedMapException.of("NC592", f"a {fn.type_name} layer without kernel_size cannot be mapped")
    axis = params.get("axis", 1)
    kernel = np.array(params["kernel_size"])
    stride, pad = np.array(params.get("stride", 1)), np.array(params.get("pad", 0))
    extent = (kernel - 1) * np.array(params.get("dilation", 1)) + 1
    return axis, stride, extent, pad
