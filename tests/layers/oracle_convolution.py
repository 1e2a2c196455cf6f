"""Convolution from its equation, in plain loops over images, outputs, positions and taps; float64."""

from __future__ import annotations

import math

import numpy as np

from netcli.schema import caffe_pb2 as pb


def convolution(param: pb.LayerParameter, bottoms: list[np.ndarray], params: list[np.ndarray]) -> list[np.ndarray]:
    """y[n, k, o] = b[k] + sum of w[k, c, t] x[n, c, o stride - pad + t dilation] over c in k's group and t."""
    return [_one(param.convolution_param, bottom, params) for bottom in bottoms]


def _one(settings: pb.ConvolutionParameter, bottom: np.ndarray, params: list[np.ndarray]) -> np.ndarray:
    axis = settings.axis % bottom.ndim
    spatial = bottom.shape[axis + 1 :]
    x = bottom.reshape(math.prod(bottom.shape[:axis]), *bottom.shape[axis:])
    weights = params[0]
    kernel = weights.shape[2:]
    stride = _values(settings, "stride", len(spatial), 1)
    pad = _values(settings, "pad", len(spatial), 0)
    dilation = _values(settings, "dilation", len(spatial), 1)
    padded = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in pad)])
    sizes = [
        (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, p, d, k, s in zip(spatial, pad, dilation, kernel, stride, strict=True)
    ]
    outputs, inner = weights.shape[0], weights.shape[1]
    y = np.zeros((x.shape[0], outputs, *sizes))
    for k in range(outputs):
        first = k // (outputs // settings.group) * inner
        for at in np.ndindex(*sizes):
            for tap in np.ndindex(*kernel):
                place = tuple(o * s + t * d for o, s, t, d in zip(at, stride, tap, dilation, strict=True))
                for c in range(inner):
                    y[(slice(None), k, *at)] += weights[(k, c, *tap)] * padded[(slice(None), first + c, *place)]
        if settings.bias_term:
            y[:, k] += params[1][k]
    return y.reshape(*bottom.shape[:axis], *y.shape[1:])


def _values(settings: pb.ConvolutionParameter, name: str, axes: int, default: int) -> list[int]:
    if name != "dilation" and (settings.HasField(f"{name}_h") or settings.HasField(f"{name}_w")):
        return [getattr(settings, f"{name}_h"), getattr(settings, f"{name}_w")]
    values = list(getattr(settings, name)) or [default]
    return values * axes if len(values) == 1 else values
