"""Softmax and SoftmaxWithLoss from their equations, item by item."""

from __future__ import annotations

import numpy as np

from netcli.schema import caffe_pb2 as pb

Arrays = list[np.ndarray]
FLT_MIN = 2.0**-126


def softmax(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    axis = param.softmax_param.axis
    powers = np.exp(bottoms[0] - bottoms[0].max(axis=axis, keepdims=True))
    return [powers / powers.sum(axis=axis, keepdims=True)]


def softmax_with_loss(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    axis = param.softmax_param.axis
    (probability,) = softmax(param, bottoms, params)
    by_item = np.moveaxis(probability, axis, -1)
    settings = param.loss_param
    losses = []
    for item, label in zip(by_item.reshape(-1, by_item.shape[-1]), bottoms[1].reshape(-1), strict=True):
        if not (settings.HasField("ignore_label") and label == settings.ignore_label):
            losses.append(-np.log(max(item[int(label)], FLT_MIN)))
    mode = settings.normalization
    if settings.HasField("normalize") and not settings.HasField("normalization"):
        mode = settings.VALID if settings.normalize else settings.BATCH_SIZE
    batch = int(np.prod(probability.shape[: axis % probability.ndim]))
    divisor = {
        settings.FULL: bottoms[1].size,
        settings.VALID: len(losses),
        settings.BATCH_SIZE: batch,
        settings.NONE: 1,
    }[mode]
    return [np.array(sum(losses) / max(1, divisor)), probability][: len(param.top)]
