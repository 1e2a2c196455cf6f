"""The losses beyond SoftmaxWithLoss from their equations, item by item."""

from __future__ import annotations

import math

import numpy as np

from netcli.schema import caffe_pb2 as pb

Arrays = list[np.ndarray]


def _divisor(settings: pb.LossParameter, default: int, *, full: int, valid: int, batch: int) -> int:
    mode = default
    if settings.HasField("normalization"):
        mode = settings.normalization
    elif settings.HasField("normalize"):
        mode = settings.VALID if settings.normalize else settings.BATCH_SIZE
    return max(1, {settings.FULL: full, settings.VALID: valid, settings.BATCH_SIZE: batch, settings.NONE: 1}[mode])


def infogain_loss(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    x, labels, matrix = bottoms
    axis = param.infogain_loss_param.axis % x.ndim
    settings = param.loss_param
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    probability = powers / powers.sum(axis=axis, keepdims=True)
    classes = x.shape[axis]
    rows = matrix.reshape(classes, classes)
    items = np.moveaxis(probability, axis, -1).reshape(-1, classes)
    losses = [
        -sum(rows[int(label), k] * math.log(max(item[k], 1e-20)) for k in range(classes))
        for item, label in zip(items, labels.reshape(-1), strict=True)
        if not (settings.HasField("ignore_label") and label == settings.ignore_label)
    ]
    batch = int(np.prod(x.shape[:axis]))
    divisor = _divisor(settings, settings.VALID, full=len(items), valid=len(losses), batch=batch)
    return [np.array(sum(losses) / divisor), probability][: len(param.top)]


def sigmoid_cross_entropy_loss(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    settings = param.loss_param
    weights = bottoms[2] if len(bottoms) > 2 else np.ones(bottoms[0].shape)
    losses = []
    for x, target, weight in zip(*(array.reshape(-1) for array in (*bottoms[:2], weights)), strict=True):
        if not (settings.HasField("ignore_label") and int(target) == settings.ignore_label):
            p = 1 / (1 + math.exp(-x))
            losses.append(-weight * (target * math.log(p) + (1 - target) * math.log(1 - p)))
    divisor = _divisor(
        settings, settings.BATCH_SIZE, full=bottoms[0].size, valid=len(losses), batch=bottoms[0].shape[0]
    )
    return [np.array(sum(losses) / divisor)]


def multinomial_logistic_loss(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    rows = bottoms[0].reshape(len(bottoms[0]), -1)
    return [np.mean([-math.log(row[int(label)]) for row, label in zip(rows, bottoms[1].reshape(-1), strict=True)])]


def hinge_loss(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    rows = bottoms[0].reshape(len(bottoms[0]), -1)
    power = 2 if param.hinge_loss_param.norm == pb.HingeLossParameter.L2 else 1
    total = 0.0
    for row, label in zip(rows, bottoms[1], strict=True):
        for k, score in enumerate(row):
            total += max(0.0, 1 - score if k == label else 1 + score) ** power
    return [np.array(total / len(rows))]


def euclidean_loss(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    a, b = bottoms
    return [np.array(((a - b.reshape(a.shape)) ** 2).sum() / (2 * len(a)))]


def contrastive_loss(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    settings = param.contrastive_loss_param
    total = 0.0
    for a, b, similar in zip(*bottoms, strict=True):
        distance = np.linalg.norm(a - b)
        if similar:
            total += distance**2
        elif settings.legacy_version:
            total += max(settings.margin - distance**2, 0)
        else:
            total += max(settings.margin - distance, 0) ** 2
    return [np.array(total / (2 * len(bottoms[0])))]


def center_loss(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    labels = bottoms[1].reshape(-1).astype(int)
    rows = bottoms[0].reshape(len(labels), -1)
    return [np.array(((rows - params[0][labels]) ** 2).sum() / (2 * len(rows)))]
