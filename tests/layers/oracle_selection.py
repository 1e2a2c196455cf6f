"""Layers that reduce, pick by index and resample, from their definitions; float64."""

from __future__ import annotations

import math

import numpy as np

from netcli.schema import caffe_pb2 as pb

Arrays = list[np.ndarray]


def reduction(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    settings, x = param.reduction_param, bottoms[0]
    axes = tuple(range(settings.axis % x.ndim, x.ndim))
    made = {
        pb.ReductionParameter.SUM: x.sum(axes),
        pb.ReductionParameter.ASUM: np.abs(x).sum(axes),
        pb.ReductionParameter.SUMSQ: (x**2).sum(axes),
        pb.ReductionParameter.MEAN: x.mean(axes),
    }[settings.operation]
    return [np.asarray(made) * settings.coeff]


def argmax(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    settings, x = param.argmax_param, bottoms[0]
    if settings.HasField("axis"):
        order = np.flip(np.argsort(x, axis=settings.axis, kind="stable"), settings.axis)
        best = np.take(order, range(settings.top_k), axis=settings.axis)
        return [np.take_along_axis(x, best, settings.axis) if settings.out_max_val else best.astype(np.float64)]
    rows = x.reshape(len(x), -1)
    best = np.argsort(rows, axis=1, kind="stable")[:, ::-1][:, : settings.top_k]
    made = [best, np.take_along_axis(rows, best, 1)][: 2 if settings.out_max_val else 1]
    y = np.stack([each.astype(np.float64) for each in made], axis=1)
    return [y.reshape(*y.shape, *(1,) * (x.ndim - 3))]


def embed(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    y = params[0][bottoms[0].astype(int)]
    return [y + params[1] if param.embed_param.bias_term else y]


def batch_reindex(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    return [bottoms[0][bottoms[1].astype(int)]]


def filtered(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    chosen = bottoms[-1].reshape(-1) != 0
    return [bottom[chosen] for bottom in bottoms[:-1]]


def label_specific_add(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    bias = param.label_specific_add_param.bias
    y = bottoms[0].copy().reshape(len(bottoms[0]), -1)
    for row, label in zip(y, bottoms[1].reshape(-1).astype(int), strict=True):
        row[label] += bias if row[label] > -bias else 0
    return [y.reshape(bottoms[0].shape), np.full(1, bias)][: len(param.top)]


def label_specific_add_testing(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    return [bottoms[0]]


def parameter(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    return [params[0]]


def upsample(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    scale = param.upsample_param.scale
    return [bottoms[0].repeat(scale, axis=2).repeat(scale, axis=3)]


def interp(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    settings, x = param.interp_param, bottoms[0]
    first, cut = -settings.pad_beg, settings.pad_beg + settings.pad_end
    x = x[:, :, first : first + x.shape[2] + cut, first : first + x.shape[3] + cut]
    height, width = x.shape[2:]
    if len(bottoms) > 1:
        rows, columns = bottoms[1].shape[-2:]
    elif settings.HasField("height"):
        rows, columns = settings.height, settings.width
    else:
        rows, columns = ((n - 1) // settings.shrink_factor * settings.zoom_factor + 1 for n in (height, width))
    y = np.zeros((*x.shape[:2], rows, columns))
    for i, j in np.ndindex(rows, columns):
        h, w = (i * (height - 1) / max(rows - 1, 1), j * (width - 1) / max(columns - 1, 1))
        for corner_h in (math.floor(h), math.floor(h) + 1):
            for corner_w in (math.floor(w), math.floor(w) + 1):
                share = (1 - abs(h - corner_h)) * (1 - abs(w - corner_w))
                if share > 1e-9:
                    y[:, :, i, j] += share * x[:, :, min(corner_h, height - 1), min(corner_w, width - 1)]
    return [y]
