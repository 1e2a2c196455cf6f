"""From the fields of a ConvolutionParameter to windows: kernel, stride, pad and dilation for each spatial axis."""

from __future__ import annotations

import math
from collections.abc import Sequence

from netcli.errors import ConfigError
from netcli.layers.layer import Layer
from netcli.layers.windows import Windows
from netcli.runtime.blob import Shape

_FIELD = "convolution_param"
_PLANE = 2


def channel_axis(layer: Layer, bottom_shapes: Sequence[Shape]) -> int:
    """The axis of channels of all bottoms. Raises ConfigError NC123 if it is out of range, NC124 if they differ."""
    shape = bottom_shapes[0]
    for index, other in enumerate(bottom_shapes):
        if other != shape:
            raise layer.error("NC124", "all bottoms must have one shape", "bottom", index, expected=shape, actual=other)
    return layer.canonical_axis(layer.param.convolution_param.axis, len(shape), _FIELD, "axis")


def check_groups(layer: Layer, channels: int, outputs: int, groups: int) -> None:
    """Raises ConfigError NC121 unless ``groups`` divides channels and outputs."""
    if groups == 0:
        raise layer.error("NC121", "group is 0", _FIELD, "group", expected="at least 1", actual=0)
    both = math.gcd(channels, outputs)
    fine = [str(group) for group in range(1, both + 1) if both % group == 0]
    for count, name in ((channels, "channels of the bottom"), (outputs, "num_output")):
        if count % groups:
            raise layer.error(
                "NC121",
                f"group does not divide the {name}",
                _FIELD,
                "group",
                expected=f"a divisor of {count}",
                actual=groups,
                hint=f"{channels} channels and {outputs} outputs are both divided by {', '.join(fine[:12])}",
            )


def convolution_windows(layer: Layer, inputs: Shape) -> Windows:
    """The windows over ``inputs``, the sizes of the spatial axes.

    Raises:
        ConfigError: NC120 for a missing kernel, NC121 for values out of range or a kernel that does not fit,
            NC126 for fields that exclude each other.
    """
    kernel, stride, pad, dilation = _fields(layer, len(inputs))
    outputs = []
    for size, taps, step, margin, spread in zip(inputs, kernel, stride, pad, dilation, strict=True):
        extent = spread * (taps - 1) + 1
        if extent > size + 2 * margin:
            raise _too_large(layer, inputs, kernel, pad, dilation)
        outputs.append((size + 2 * margin - extent) // step + 1)
    return Windows(inputs, tuple(outputs), kernel, stride, pad, dilation)


def _too_large(layer: Layer, inputs: Shape, kernel: Shape, pad: Shape, dilation: Shape) -> ConfigError:
    """NC121 for the first kernel that does not fit; one given for all axes is measured by the smallest of them."""
    fits = [(size + 2 * margin - 1) // spread + 1 for size, margin, spread in zip(inputs, pad, dilation, strict=True)]
    axis = next(axis for axis, most in enumerate(fits) if kernel[axis] > most)
    settings = layer.param.convolution_param
    if settings.HasField("kernel_h"):
        field: tuple[str | int, ...] = (("kernel_h", "kernel_w")[axis],)
    else:
        field = ("kernel_size", axis) if len(settings.kernel_size) > 1 else ("kernel_size",)
    most = min(fits) if len(settings.kernel_size) == 1 else fits[axis]
    return layer.error(
        "NC121",
        "kernel larger than the padded input",
        _FIELD,
        *field,
        expected=f"at most {most}",
        actual=kernel[axis],
        suggestion=str(most),
    )


def transposed_windows(layer: Layer, inputs: Shape) -> Windows:
    """The windows that lead from the top of a deconvolution to its bottom, whose spatial sizes ``inputs`` are.

    Raises:
        ConfigError: as ``convolution_windows``, with NC121 for a top without positions.
    """
    kernel, stride, pad, dilation = _fields(layer, len(inputs))
    outputs = []
    for size, taps, step, margin, spread in zip(inputs, kernel, stride, pad, dilation, strict=True):
        extent = spread * (taps - 1) + 1
        made = step * (size - 1) + extent - 2 * margin
        if made < 1:
            raise layer.error(
                "NC121",
                "pad takes all of the output away",
                _FIELD,
                "pad_h" if layer.param.convolution_param.HasField("pad_h") else "pad",
                expected=f"at most {(step * (size - 1) + extent - 1) // 2}",
                actual=margin,
            )
        outputs.append(made)
    return Windows(tuple(outputs), inputs, kernel, stride, pad, dilation)


def _fields(layer: Layer, axes: int) -> tuple[Shape, Shape, Shape, Shape]:
    """Kernel, stride, pad and dilation."""
    return (
        _per_axis(layer, "kernel_size", "kernel", axes, default=None, least=1),
        _per_axis(layer, "stride", "stride", axes, default=1, least=1),
        _per_axis(layer, "pad", "pad", axes, default=0, least=0),
        _per_axis(layer, "dilation", None, axes, default=1, least=1),
    )


def _per_axis(layer: Layer, name: str, plane_name: str | None, axes: int, *, default: int | None, least: int) -> Shape:
    """The values of the repeated field ``name``, or of ``plane_name``_h and _w, one an axis."""
    settings = layer.param.convolution_param
    values = list(getattr(settings, name))
    if plane_name is not None:
        pair = (f"{plane_name}_h", f"{plane_name}_w")
        present = [field for field in pair if settings.HasField(field)]
        if present:
            return _of_plane(layer, name, pair, present, axes, least)
    if not values:
        if default is None and axes:
            raise layer.error("NC120", f"{name} is missing", _FIELD, hint="give kernel_size, or kernel_h and kernel_w")
        values = [default or least]
    if len(values) not in (1, axes):
        raise layer.error(
            "NC121",
            f"wrong number of {name} values",
            _FIELD,
            name,
            expected=f"1 or {axes} (the spatial axes)" if axes > 1 else "1",
            actual=len(values),
        )
    for index, value in enumerate(values):
        if value < least:
            raise layer.error(
                "NC121", f"{name} is {value}", _FIELD, name, index, expected=f"at least {least}", actual=value
            )
    return tuple(values * axes if len(values) == 1 else values)


def _of_plane(layer: Layer, name: str, pair: tuple[str, str], present: list[str], axes: int, least: int) -> Shape:
    """The values of a field given as ``_h`` and ``_w``, which only two spatial axes have."""
    settings = layer.param.convolution_param
    if len(getattr(settings, name)):
        raise layer.error("NC126", f"{name} and {present[0]} exclude each other", _FIELD, present[0])
    if axes != _PLANE:
        raise layer.error(
            "NC121", f"{present[0]} needs two spatial axes", _FIELD, present[0], expected=_PLANE, actual=axes
        )
    for field in pair:
        value = getattr(settings, field)
        if value < least:
            missing = not settings.HasField(field)
            raise layer.error(
                "NC120" if missing else "NC121",
                f"{field} is missing beside {present[0]}" if missing else f"{field} is {value}",
                _FIELD,
                *(() if missing else (field,)),
                expected=f"at least {least}",
                actual="none" if missing else value,
            )
    return getattr(settings, pair[0]), getattr(settings, pair[1])
