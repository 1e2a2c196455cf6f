"""Layers that combine and rearrange blobs, from their definitions; float64."""

from __future__ import annotations

import itertools
import math

import numpy as np

from netcli.schema import caffe_pb2 as pb

Arrays = list[np.ndarray]


def concat(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    settings = param.concat_param
    axis = settings.concat_dim if settings.HasField("concat_dim") else settings.axis
    return [np.concatenate(bottoms, axis)]


def slices(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    settings = param.slice_param
    axis = settings.slice_dim if settings.HasField("slice_dim") else settings.axis
    return np.split(bottoms[0], list(settings.slice_point) or len(param.top), axis)


def eltwise(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    settings = param.eltwise_param
    stack = np.stack(bottoms)
    if settings.operation == pb.EltwiseParameter.PROD:
        return [stack.prod(axis=0)]
    if settings.operation == pb.EltwiseParameter.MAX:
        return [stack.max(axis=0)]
    coefficients = np.float32(list(settings.coeff) or [1] * len(bottoms)).astype(np.float64)
    return [np.tensordot(coefficients, stack, axes=1)]


def axpy(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    scale, x, added = bottoms
    return [scale.reshape(*x.shape[:2], *(1,) * (x.ndim - 2)) * x + added]


def flatten(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    settings, shape = param.flatten_param, bottoms[0].shape
    first, last = settings.axis % len(shape), settings.end_axis % len(shape)
    return [bottoms[0].reshape(*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])]


def reshape(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    settings, shape = param.reshape_param, bottoms[0].shape
    start = settings.axis if settings.axis >= 0 else len(shape) + 1 + settings.axis
    end = len(shape) if settings.num_axes == -1 else start + settings.num_axes
    sizes = [size or shape[start + i] for i, size in enumerate(settings.shape.dim)]
    return [bottoms[0].reshape(*shape[:start], *sizes, *shape[end:])]


def permute(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    order = list(param.permute_param.order)
    return [bottoms[0].transpose(order + [axis for axis in range(bottoms[0].ndim) if axis not in order])]


def shuffle_channel(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    group, x = param.shuffle_channel_param.group, bottoms[0]
    columns = x.shape[1] // group
    y = np.zeros_like(x)
    for i, j in itertools.product(range(group), range(columns)):
        y[:, j * group + i] = x[:, i * columns + j]
    return [y]


def crop(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    settings, (x, like) = param.crop_param, bottoms
    axis = settings.axis % x.ndim
    offsets = list(settings.offset) or [0]
    offsets = offsets * (x.ndim - axis) if len(offsets) == 1 else offsets
    for i, offset in enumerate(offsets, start=axis):
        x = np.take(x, range(offset, offset + like.shape[i]), axis=i)
    return [x]


def tile(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    return [np.concatenate([bottoms[0]] * param.tile_param.tiles, param.tile_param.axis)]
