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


def depthwise(param: pb.LayerParameter, bottoms: list[np.ndarray], params: list[np.ndarray]) -> list[np.ndarray]:
    """A convolution with as many groups and outputs as channels."""
    whole = pb.LayerParameter()
    whole.CopyFrom(param)
    whole.convolution_param.group = bottoms[0].shape[param.convolution_param.axis]
    return convolution(whole, bottoms, params)


def deconvolution(param: pb.LayerParameter, bottoms: list[np.ndarray], params: list[np.ndarray]) -> list[np.ndarray]:
    """y[n, k, o stride - pad + t dilation] += w[c, k, t] x[n, c, o] over all o, t, c in k's group; plus b[k]."""
    return [_spread(param.convolution_param, bottom, params) for bottom in bottoms]


def _spread(settings: pb.ConvolutionParameter, bottom: np.ndarray, params: list[np.ndarray]) -> np.ndarray:
    axis = settings.axis % bottom.ndim
    x = bottom.reshape(math.prod(bottom.shape[:axis]), *bottom.shape[axis:])
    channels, spatial, weights = x.shape[1], x.shape[2:], params[0]
    kernel, per_group = weights.shape[2:], weights.shape[1]
    stride, pad, dilation = (
        _values(settings, name, len(spatial), default) for name, default in (("stride", 1), ("pad", 0), ("dilation", 1))
    )
    padded = [s * (n - 1) + d * (k - 1) + 1 for n, s, d, k in zip(spatial, stride, dilation, kernel, strict=True)]
    y = np.zeros((x.shape[0], settings.num_output, *padded))
    for c in range(channels):
        first = c // (channels // settings.group) * per_group
        for at in np.ndindex(*spatial):
            for tap in np.ndindex(*kernel):
                place = tuple(o * s + t * d for o, s, t, d in zip(at, stride, tap, dilation, strict=True))
                for k in range(per_group):
                    y[(slice(None), first + k, *place)] += weights[(c, k, *tap)] * x[(slice(None), c, *at)]
    if settings.bias_term:
        y += params[1].reshape(-1, *(1,) * len(spatial))
    inside = tuple(slice(p, size - p) for p, size in zip(pad, padded, strict=True))
    y = y[(slice(None), slice(None), *inside)]
    return y.reshape(*bottom.shape[:axis], *y.shape[1:])


def im2col(param: pb.LayerParameter, bottoms: list[np.ndarray], params: list[np.ndarray]) -> list[np.ndarray]:
    """A convolution with one output for each channel and tap, whose weights are 1 there and 0 elsewhere."""
    settings = pb.ConvolutionParameter()
    settings.CopyFrom(param.convolution_param)
    settings.group, settings.bias_term = 1, False
    axis = settings.axis % bottoms[0].ndim
    channels, axes = bottoms[0].shape[axis], bottoms[0].ndim - axis - 1
    kernel = _values(settings, "kernel", axes, 1) if settings.HasField("kernel_h") else list(settings.kernel_size)
    kernel = kernel * axes if len(kernel) == 1 else kernel
    outputs = channels * math.prod(kernel)
    return [_one(settings, bottoms[0], [np.eye(outputs).reshape(outputs, channels, *kernel)])]
