"""Pooling from its definition, one window at a time; float64."""

from __future__ import annotations

import math

import numpy as np
from layer_case import SEED
from oracle_neuron import split_mix

from netcli.runtime.streams import stream_key
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


def stochastic(param: pb.LayerParameter, bottoms: list[np.ndarray], params: list[np.ndarray]) -> list[np.ndarray]:
    """The value at which the running sum of the window reaches a random part of the whole."""
    settings, x = param.pooling_param, bottoms[0]
    key = stream_key(SEED, "pooling", param.name, 0) % 2**64
    made = []
    for index, window in enumerate(_windows(settings, x)):
        part = (split_mix(key, index) >> 40) / 2**24 * sum(window)
        running = np.cumsum(window)
        made.append(window[int(np.argmax(running >= part))] if window else 0.0)
    return [np.array(made).reshape(_top_shape(settings, x))]


def expected(param: pb.LayerParameter, bottoms: list[np.ndarray], params: list[np.ndarray]) -> list[np.ndarray]:
    """The sum of squares of each window over its sum."""
    settings, x = param.pooling_param, bottoms[0]
    made = [sum(v * v for v in window) / sum(window) if window else 0.0 for window in _windows(settings, x)]
    return [np.array(made).reshape(_top_shape(settings, x))]


def spp(param: pb.LayerParameter, bottoms: list[np.ndarray], params: list[np.ndarray]) -> list[np.ndarray]:
    """A Pooling for each level, flattened, one after the other."""
    x, levels = bottoms[0], []
    for level in range(param.spp_param.pyramid_height):
        layer = pb.LayerParameter(name=param.name, top=["y"])
        settings, bins = layer.pooling_param, 2**level
        settings.pool = param.spp_param.pool
        for size, axis in zip(x.shape[2:], "hw", strict=True):
            extent = math.ceil(size / bins)
            setattr(settings, f"kernel_{axis}", extent)
            setattr(settings, f"stride_{axis}", extent)
            setattr(settings, f"pad_{axis}", (extent * bins - size + 1) // 2)
        method = expected if param.spp_param.pool == pb.SPPParameter.STOCHASTIC else pooling
        levels += method(layer, bottoms, params)
    if len(levels) == 1:
        return levels
    return [np.concatenate([level.reshape(len(x), -1) for level in levels], axis=1)]


def _top_shape(settings: pb.PoolingParameter, x: np.ndarray) -> tuple[int, ...]:
    kernel, stride, pad = _geometry(settings, x.shape[2:])
    sizes = zip(x.shape[2:], kernel, stride, pad, strict=True)
    return (*x.shape[:2], *(_count(settings, *values, any(pad)) for values in sizes))


def _windows(settings: pb.PoolingParameter, x: np.ndarray) -> list[list[float]]:
    """The values of each window without padding, in the order of the outputs."""
    kernel, stride, _ = _geometry(settings, x.shape[2:])
    return [
        list(x[n, c, i * stride[0] : i * stride[0] + kernel[0], j * stride[1] : j * stride[1] + kernel[1]].reshape(-1))
        for n, c, i, j in np.ndindex(*_top_shape(settings, x))
    ]
