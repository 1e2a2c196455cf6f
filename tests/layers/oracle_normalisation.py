"""BatchNorm, LRN, MVN, Scale, Bias and Normalize from their equations."""

from __future__ import annotations

import itertools

import numpy as np

from netcli.schema import caffe_pb2 as pb

Arrays = list[np.ndarray]


def batch_norm_by_batch(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    (x,) = bottoms
    by_channel = np.moveaxis(x.reshape(x.shape if x.ndim > 1 else (-1, 1)), 1, -1)
    y = np.empty_like(by_channel)
    for channel in range(by_channel.shape[-1]):
        values = by_channel[..., channel]
        y[..., channel] = (values - values.mean()) / np.sqrt(values.var() + param.batch_norm_param.eps)
    return [np.moveaxis(y, -1, 1).reshape(x.shape)]


def batch_norm_by_stored(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    (x,) = bottoms
    means, variances, (weight,) = params
    y = np.empty_like(x)
    for channel in range(x.shape[1]):
        deviation = np.sqrt(variances[channel] / weight + param.batch_norm_param.eps)
        y[:, channel] = (x[:, channel] - means[channel] / weight) / deviation
    return [y]


def lrn(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    (x,) = bottoms
    settings = param.lrn_param
    reach = (settings.local_size - 1) // 2
    y = np.empty_like(x)
    for n, c, h, w in np.ndindex(x.shape):
        if settings.norm_region == settings.ACROSS_CHANNELS:
            around = x[n, max(0, c - reach) : c + reach + 1, h, w]
            s = settings.k + settings.alpha / settings.local_size * np.sum(around**2)
        else:
            around = x[n, c, max(0, h - reach) : h + reach + 1, max(0, w - reach) : w + reach + 1]
            s = 1 + settings.alpha / settings.local_size**2 * np.sum(around**2)
        y[n, c, h, w] = x[n, c, h, w] / s**settings.beta
    return [y]


def mvn(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    (x,) = bottoms
    settings = param.mvn_param
    y = x.copy()
    for row in y.reshape(x.shape[0] if settings.across_channels else x.shape[0] * x.shape[1], -1):
        row -= row.mean()
        if settings.normalize_variance:
            row /= np.sqrt(np.mean(row**2)) + settings.eps
    return [y]


def _along(x: np.ndarray, coefficients: np.ndarray, axis: int) -> np.ndarray:
    """The coefficient of each element of x."""
    whole = np.empty_like(x)
    first = axis % x.ndim if coefficients.ndim else 0
    for index in np.ndindex(x.shape):
        whole[index] = coefficients[index[first : first + coefficients.ndim]]
    return whole


def scale(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    x, axis = bottoms[0], param.scale_param.axis
    y = x * _along(x, (bottoms[1:] or params)[0], axis)
    return [y + _along(x, params[-1], axis) if param.scale_param.bias_term else y]


def bias(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    return [bottoms[0] + _along(bottoms[0], (bottoms[1:] or params)[0], param.bias_param.axis)]


def normalize(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    (x,) = bottoms
    y = x.copy()
    of_ssd = param.HasField("norm_param")
    eps = param.norm_param.eps if of_ssd else 1e-6
    for image in y:
        if of_ssd and param.norm_param.across_spatial:
            image /= np.sqrt(np.sum(image**2) + eps)
            continue
        for position in itertools.product(*map(range, image.shape[1:])):
            vector = image[(slice(None), *position)]
            vector /= np.sqrt(np.sum(vector**2) + eps)
    return [y * _along(y, params[0], 1) if of_ssd else y]
