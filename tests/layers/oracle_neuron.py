"""The neuron layers from their equations."""

from __future__ import annotations

import numpy as np
from layer_case import SEED

from netcli.runtime.streams import stream_key
from netcli.schema import caffe_pb2 as pb

Arrays = list[np.ndarray]


def relu(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    x = bottoms[0]
    return [np.maximum(x, 0) + param.relu_param.negative_slope * np.minimum(x, 0)]


def split_mix(key: int, index: int) -> int:
    """Output ``index`` of SplitMix64 started at ``key``, in Python's integers."""
    mask = 2**64 - 1
    bits = (key + index * 0x9E3779B97F4A7C15) & mask
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & mask
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & mask
    return bits ^ (bits >> 31)


def dropout_mask(ratio: float, shape: tuple[int, ...], layer: str, pass_index: int = 0) -> np.ndarray:
    """1 where an element is kept, in the logical order, whatever the lanes."""
    key = stream_key(SEED, "dropout", layer, pass_index) % 2**64
    count = int(np.prod(shape))
    return np.array([split_mix(key, i) >= ratio * 2**64 for i in range(count)], float).reshape(shape)


def dropout_training(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    ratio = param.dropout_param.dropout_ratio
    return [bottoms[0] * dropout_mask(ratio, bottoms[0].shape, param.name) / (1 - ratio)]


def dropout_testing(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    return [bottoms[0]]


def tanh(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    return [np.tanh(bottoms[0])]


def absval(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    return [np.abs(bottoms[0])]


def bnll(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    return [np.logaddexp(0, bottoms[0])]


def clip(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    return [np.clip(bottoms[0], param.clip_param.min, param.clip_param.max)]


def elu(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    x = bottoms[0]
    return [np.where(x > 0, x, param.elu_param.alpha * (np.exp(x) - 1))]


def _base(base: float) -> float:
    return np.e if base == -1 else base


def exp(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    settings = param.exp_param
    return [_base(settings.base) ** (settings.shift + settings.scale * bottoms[0])]


def log(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    settings = param.log_param
    return [np.log(settings.shift + settings.scale * bottoms[0]) / np.log(_base(settings.base))]


def power(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    settings = param.power_param
    return [(settings.shift + settings.scale * bottoms[0]) ** settings.power]


def prelu(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    x = bottoms[0]
    slopes = params[0].reshape(-1, *(1,) * (x.ndim - 2))
    return [np.where(x > 0, x, slopes * x)]


def relu6(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    return [np.clip(bottoms[0], 0, 6)]


def sigmoid(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    return [1 / (1 + np.exp(-bottoms[0]))]


def swish(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    return [bottoms[0] / (1 + np.exp(-param.swish_param.beta * bottoms[0]))]


def threshold(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    return [(bottoms[0] > param.threshold_param.threshold).astype(float)]
