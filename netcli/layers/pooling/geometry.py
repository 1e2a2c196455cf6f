"""From the fields of a PoolingParameter to windows over height and width, as Caffe cuts them."""

from __future__ import annotations

import numpy as np

from netcli.layers.layer import Layer
from netcli.layers.windows import Windows
from netcli.runtime.blob import Shape
from netcli.schema import caffe_pb2 as pb

_FIELD = "pooling_param"
_PAIRS = {"kernel_size": "kernel", "stride": "stride", "pad": "pad"}


def pooling_windows(layer: Layer, inputs: Shape) -> Windows:
    """The windows over ``inputs`` = (H, W).

    Output sizes are rounded up, or down with ``round_mode: FLOOR`` or the forks' ``ceil_mode: false``, which
    wins; with padding, a last window that would start behind the image is dropped.

    Raises:
        ConfigError: NC120 for a missing kernel, NC121 for values out of range or a kernel that does not fit,
            NC126 for fields that exclude each other.
    """
    settings = layer.param.pooling_param
    if settings.global_pooling:
        _check_global(layer)
        return Windows.whole(inputs)
    kernel = _height_and_width(layer, "kernel_size", least=1)
    stride = _height_and_width(layer, "stride", least=1)
    pad = _height_and_width(layer, "pad", least=0)
    for size, margin in zip(kernel, pad, strict=True):
        if margin >= size:
            raise layer.error(
                "NC121",
                "pad must be smaller than the kernel",
                _FIELD,
                _given(layer, "pad"),
                expected=f"below {size}",
                actual=margin,
            )
    round_down = settings.round_mode == pb.PoolingParameter.FLOOR
    if settings.HasField("ceil_mode"):
        round_down = not settings.ceil_mode
    outputs = []
    for size, extent, step, margin in zip(inputs, kernel, stride, pad, strict=True):
        count = _window_count(size, extent, step, margin, round_down=round_down, padded=any(pad))
        if count < 1:
            most = size + 2 * margin
            if settings.HasField("kernel_size"):
                most = min(axis + 2 * around for axis, around in zip(inputs, pad, strict=True))
            raise layer.error(
                "NC121",
                "kernel larger than the padded input",
                _FIELD,
                _given(layer, "kernel_size"),
                expected=f"at most {most}",
                actual=extent,
                suggestion=str(most),
            )
        outputs.append(count)
    return Windows(inputs, tuple(outputs), kernel, stride, pad, (1, 1))


def pyramid_windows(inputs: Shape, bins: int) -> Windows | None:
    """Windows that cut ``inputs`` = (H, W) into ``bins`` x ``bins`` parts as SPP does.

    None if the padding, which is spread over both ends, would be as large as a window.
    """
    kernel = tuple(-(-size // bins) for size in inputs)
    pad = tuple((extent * bins - size + 1) // 2 for size, extent in zip(inputs, kernel, strict=True))
    if any(margin >= extent for margin, extent in zip(pad, kernel, strict=True)):
        return None
    outputs = tuple(
        _window_count(size, extent, extent, margin, round_down=False, padded=any(pad))
        for size, extent, margin in zip(inputs, kernel, pad, strict=True)
    )
    return Windows(inputs, outputs, kernel, kernel, pad, (1, 1))


def average_sizes(windows: Windows, dtype: np.dtype) -> np.ndarray:
    """(Q,): what AVE divides by: the window's size clipped to the padded image, padding on both sides included."""
    sizes = np.ones(1, np.int64)
    axes = (windows.inputs, windows.outputs, windows.kernel, windows.stride, windows.pad)
    for inputs, outputs, kernel, stride, pad in zip(*axes, strict=True):
        start = np.arange(outputs) * stride - pad
        # A window behind the image, which a stride beyond the kernel can give, holds nothing: its sum is 0.
        extent = np.maximum(np.minimum(start + kernel, inputs + pad) - start, 1)
        sizes = (sizes[:, None] * extent).reshape(-1)
    return sizes.astype(dtype)


def _window_count(size: int, extent: int, step: int, margin: int, *, round_down: bool, padded: bool) -> int:
    """How many windows stand along an axis; below 1 if none fits."""
    span = size + 2 * margin - extent
    count = (span // step if round_down else -(-span // step)) + 1
    return count - 1 if padded and (count - 1) * step >= size + margin else count


def _given(layer: Layer, name: str) -> str:
    """The field that was given for ``name``: itself, or the first of its _h and _w."""
    settings = layer.param.pooling_param
    fields = (name, f"{_PAIRS[name]}_h", f"{_PAIRS[name]}_w")
    return next((field for field in fields if settings.HasField(field)), name)


def _check_global(layer: Layer) -> None:
    settings = layer.param.pooling_param
    for name in ("kernel_size", "kernel_h", "kernel_w", "pad", "pad_h", "pad_w", "stride", "stride_h", "stride_w"):
        harmless = {"p": 0, "s": 1}.get(name[0])
        if settings.HasField(name) and getattr(settings, name) != harmless:
            raise layer.error(
                "NC126",
                f"global_pooling and {name} exclude each other",
                _FIELD,
                name,
                actual=f"{name}: {getattr(settings, name)}",
            )


def _height_and_width(layer: Layer, name: str, *, least: int) -> tuple[int, int]:
    """The values of the field ``name``, or of its ``_h`` and ``_w``."""
    settings = layer.param.pooling_param
    pair = (f"{_PAIRS[name]}_h", f"{_PAIRS[name]}_w")
    present = [field for field in pair if settings.HasField(field)]
    if present and settings.HasField(name):
        raise layer.error("NC126", f"{name} and {present[0]} exclude each other", _FIELD, present[0])
    fields = pair if present else (name, name)
    for field in fields:
        optional = settings.HasField(field) or field.startswith("pad") or field == "stride"
        if not optional:
            raise layer.error(
                "NC120",
                f"{field} is missing" + (f" beside {present[0]}" if present else ""),
                _FIELD,
                hint=None if present else "give kernel_size, or kernel_h and kernel_w, or global_pooling: true",
            )
        value = getattr(settings, field)
        if value < least:
            raise layer.error("NC121", f"{field} is {value}", _FIELD, field, expected=f"at least {least}", actual=value)
    return getattr(settings, fields[0]), getattr(settings, fields[1])
