"""What the layers of ``tests/data/python_layers`` compute, and the first batch of a MemoryData layer."""

from __future__ import annotations

import json

import numpy as np

from netcli.schema import caffe_pb2 as pb

Arrays = list[np.ndarray]


def euclidean_loss(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    """1/(2N) sum (x - y)^2."""
    return [np.array([((bottoms[0] - bottoms[1]) ** 2).sum() / (2 * len(bottoms[0]))])]


def gain(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    """Channel c times its factor."""
    assert json.loads(param.python_param.param_str)["gain"] == 2
    return [bottoms[0] * params[0].reshape(1, -1, *[1] * (bottoms[0].ndim - 2))]


def memory_data(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    """Items 0, 1 ... filled with their number, which times 10 is the label."""
    settings = param.memory_data_param
    items = np.arange(settings.batch_size)
    shape = (settings.batch_size, settings.channels, settings.height, settings.width)
    return [np.broadcast_to(items.reshape(-1, 1, 1, 1), shape), 10 * items]
