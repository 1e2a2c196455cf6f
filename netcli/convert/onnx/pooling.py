"""Pooling and SPP.

Caffe's windows are put into explicit padding: so much at the end that rounding down gives as many windows as Caffe
has, be its sizes rounded up, and a last window that starts behind the image dropped. AVE divides by the window clipped
to Caffe's padded image; ONNX's AveragePool by the whole window, so that a map of factors follows where they differ.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from netcli.convert.onnx.layer_export import LayerExport
from netcli.convert.onnx.registry import exports
from netcli.layers.pooling.geometry import average_sizes, pooling_windows, pyramid_windows
from netcli.layers.windows import Windows
from netcli.schema import caffe_pb2 as pb

_FLOAT = 1
_Method = pb.PoolingParameter


@exports("Pooling")
def pooling(layer: LayerExport) -> Sequence[str]:
    windows = pooling_windows(layer.layer, layer.shape[2:])
    if len(layer.top_shapes) > 1:
        return _largest_and_mask(layer, windows)
    return [_pooled(layer, windows, layer.settings.pool)]


@exports("SPP")
def spatial_pyramid(layer: LayerExport) -> Sequence[str]:
    height = layer.settings.pyramid_height
    levels = []
    for level in range(height):
        windows = pyramid_windows(layer.shape[2:], 2**level)
        assert windows is not None, "the net was planned with these windows"
        levels.append(_pooled(layer, windows, layer.settings.pool))
    if height == 1:
        return levels
    return [layer.op("Concat", *(layer.op("Flatten", level, axis=1) for level in levels), axis=1)]


def _pooled(layer: LayerExport, windows: Windows, method: int) -> str:
    if method == _Method.MAX:
        return _largest(layer, windows)
    if method == _Method.AVE:
        return _average(layer, windows)
    if layer.layer.training:
        raise layer.refused("it has phase TRAIN of its own, and draws at random")
    return _expected(layer, windows)


def _largest(layer: LayerExport, windows: Windows) -> str:
    if _is_whole(windows):
        return layer.op("GlobalMaxPool", layer.bottom)
    inside = _inside(windows)
    y = layer.op("MaxPool", layer.bottom, **_attributes(inside))
    return _with_empty_windows(layer, y, windows, inside, float(np.finfo(np.float32).min))


def _largest_and_mask(layer: LayerExport, windows: Windows) -> list[str]:
    """ONNX's indices count through the whole blob, Caffe's through one channel."""
    if _inside(windows) != windows:
        raise layer.refused("it has a mask, and windows behind the image")
    y, indices = layer.ops("MaxPool", layer.bottom, outputs=2, **_attributes(windows))
    within = layer.op("Mod", indices, layer.constant(windows.input_positions, "positions", np.int64))
    return [y, layer.op("Cast", within, to=_FLOAT)]


def _average(layer: LayerExport, windows: Windows) -> str:
    if _is_whole(windows):
        return layer.op("GlobalAveragePool", layer.bottom)
    made = _mean_of_whole_windows(layer, layer.bottom, windows)
    sizes = average_sizes(windows, np.dtype(np.float32)).reshape(1, 1, *windows.outputs)
    if (sizes == windows.taps).all():
        return made
    return layer.op("Mul", made, layer.constant(windows.taps / sizes, "window_factors"))


def _expected(layer: LayerExport, windows: Windows) -> str:
    """STOCHASTIC in phase TEST: the sum of squares of a window over its sum; 0 where all is 0."""
    squares = _mean_of_whole_windows(layer, layer.op("Mul", layer.bottom, layer.bottom), windows)
    sums = _mean_of_whole_windows(layer, layer.bottom, windows)
    tiny = float(np.finfo(np.float32).tiny)
    return layer.op("Div", squares, layer.shifted(sums, tiny))


def _mean_of_whole_windows(layer: LayerExport, x: str, windows: Windows) -> str:
    """The sum of each window, its part outside of the image being 0, over the size of a whole window."""
    inside = _inside(windows)
    y = layer.op("AveragePool", x, count_include_pad=1, **_attributes(inside))
    return _with_empty_windows(layer, y, windows, inside, 0)


def _is_whole(windows: Windows) -> bool:
    """Whether one window sees all of the image, and nothing else."""
    return windows.kernel == windows.inputs and windows.output_positions == 1 and not any(windows.pad)


def _inside(windows: Windows) -> Windows:
    """Without the windows that begin behind the image, which a stride beyond the kernel can give."""
    outputs = tuple(
        min(count, (size + pad - 1) // stride + 1)
        for size, count, stride, pad in zip(
            windows.inputs, windows.outputs, windows.stride, windows.pad, strict=True
        )
    )  # fmt: skip
    return dataclasses.replace(windows, outputs=outputs)


def _with_empty_windows(layer: LayerExport, y: str, windows: Windows, inside: Windows, value: float) -> str:
    """Puts those windows back, with what stands for nothing."""
    if inside == windows:
        return y
    missing = [count - made for count, made in zip(windows.outputs, inside.outputs, strict=True)]
    pads = layer.integers([0, 0, 0, 0, 0, 0, *missing], "empty_windows")
    return layer.op("Pad", y, pads, layer.constant(value, "empty"))


def _attributes(windows: Windows) -> dict[str, Sequence[int]]:
    """Kernel, strides, and the pads (all begins, then all ends) that lead to just these windows."""
    ends = [
        max(0, (count - 1) * stride + kernel - size - pad)
        for size, count, kernel, stride, pad in zip(
            windows.inputs, windows.outputs, windows.kernel, windows.stride, windows.pad, strict=True
        )
    ]
    return {"kernel_shape": windows.kernel, "strides": windows.stride, "pads": [*windows.pad, *ends]}
