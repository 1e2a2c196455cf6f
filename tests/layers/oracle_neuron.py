"""ReLU, Dropout and TanH from their equations."""

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
