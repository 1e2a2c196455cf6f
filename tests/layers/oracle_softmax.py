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


def _smoothed(targets: np.ndarray, share: float) -> np.ndarray:
    """A share of each row goes evenly to all classes."""
    return (1 - share) * targets + share * targets.sum(axis=-1, keepdims=True) / targets.shape[-1]


def softmax_with_targets(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    axis = param.softmax_param.axis
    (probability,) = softmax(param, bottoms, params)
    settings = param.loss_param
    targets = np.moveaxis(bottoms[1].reshape(probability.shape), axis, -1)
    losses = -_smoothed(targets, settings.label_smoothing) * np.log(np.moveaxis(probability, axis, -1))
    divisor = {
        settings.FULL: targets[..., 0].size,
        settings.VALID: int(targets.any(axis=-1).sum()),
        settings.BATCH_SIZE: int(np.prod(probability.shape[: axis % probability.ndim])),
        settings.NONE: 1,
    }[settings.normalization]
    return [np.array(losses.sum() / max(1, divisor))]


def softmax_with_loss_smoothed(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    labels = bottoms[1].reshape(-1).astype(int)
    (probability,) = softmax(param, bottoms, params)
    by_item = np.moveaxis(probability, 1, -1).reshape(len(labels), -1)
    settings = param.loss_param
    counted = [i for i, label in enumerate(labels) if not (settings.HasField("ignore_label") and label == 1)]
    targets = _smoothed(np.eye(by_item.shape[1])[labels], settings.label_smoothing)
    return [np.array(-sum(targets[i] @ np.log(by_item[i]) for i in counted) / max(1, len(counted)))]
