"""Pooling from its definition, one window at a time; float64."""

from __future__ import annotations

import math

import numpy as np

from netcli.schema import caffe_pb2 as pb


def pooling(param: pb.LayerParameter, bottoms: list[np.ndarray], params: list[np.ndarray]) -> list[np.ndarray]:
    """MAX (with its mask) or AVE over the windows that Caffe cuts."""
    del params
    settings, x = param.pooling_param, bottoms[0]
    images, channels, height, width = x.shape
    kernel, stride, pad = _geometry(settings, (height, width))
    rows, columns = (
        _count(settings, size, *values, any(pad))
        for size, values in zip((height, width), zip(kernel, stride, pad, strict=True), strict=True)
    )
    y = np.zeros((images, channels, rows, columns))
    mask = np.zeros_like(y)
    for n, c, i, j in np.ndindex(*y.shape):
        top, left = i * stride[0] - pad[0], j * stride[1] - pad[1]
        bottom, right = min(top + kernel[0], height + pad[0]), min(left + kernel[1], width + pad[1])
        real = [(h, w) for h in range(max(top, 0), min(bottom, height)) for w in range(max(left, 0), min(right, width))]
        values = [x[n, c, h, w] for h, w in real]
        if settings.pool == pb.PoolingParameter.AVE:
            y[n, c, i, j] = sum(values) / ((bottom - top) * (right - left)) if real else 0
        elif real:
            best = int(np.argmax(values))
            y[n, c, i, j], mask[n, c, i, j] = values[best], real[best][0] * width + real[best][1]
        else:
            y[n, c, i, j], mask[n, c, i, j] = np.finfo(np.float32).min, -1
    return [y, mask][: len(param.top)]


def _count(settings: pb.PoolingParameter, size: int, kernel: int, stride: int, pad: int, padded: bool) -> int:
    down = not settings.ceil_mode or settings.round_mode == pb.PoolingParameter.FLOOR
    steps = (size + 2 * pad - kernel) / stride
    count = (math.floor(steps) if down else math.ceil(steps)) + 1
    if padded and (count - 1) * stride >= size + pad:
        count -= 1
    return count


def _geometry(
    settings: pb.PoolingParameter, sizes: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    if settings.global_pooling:
        return sizes, (1, 1), (0, 0)
    kernel, stride, pad = (
        (getattr(settings, f"{short}_h"), getattr(settings, f"{short}_w"))
        if settings.HasField(f"{short}_h")
        else (getattr(settings, name), getattr(settings, name))
        for name, short in (("kernel_size", "kernel"), ("stride", "stride"), ("pad", "pad"))
    )
    return kernel, stride, pad
