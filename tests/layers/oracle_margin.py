"""The margin layers from their equations, in angles, item by item."""

from __future__ import annotations

import math

import numpy as np

from netcli.schema import caffe_pb2 as pb

Arrays = list[np.ndarray]
MarginSettings = pb.MarginInnerProductParameter | pb.LargeMarginInnerProductParameter


def annealed(settings: MarginSettings, passes_done: int = 0) -> float:
    n = settings.iteration + passes_done + 1
    return max(settings.lambda_min, settings.base / (1 + settings.gamma * n) ** settings.power)


def psi(angle: float, margin: int) -> float:
    k = min(int(angle * margin / math.pi), margin - 1)
    return (-1) ** k * math.cos(margin * angle) - 2 * k


def _margin_product(settings: MarginSettings, bottoms: Arrays, rows: np.ndarray) -> Arrays:
    labels = bottoms[1].reshape(-1).astype(int)
    axis = settings.axis % bottoms[0].ndim
    items = bottoms[0].reshape(len(labels), -1)
    weight = annealed(settings)
    y = items @ rows.T
    for i, (item, label) in enumerate(zip(items, labels, strict=True)):
        if 0 <= label < len(rows):
            length = np.linalg.norm(item) * np.linalg.norm(rows[label])
            angle = math.acos(y[i, label] / length)
            y[i, label] = (weight * y[i, label] + length * psi(angle, settings.type + 1)) / (1 + weight)
    return [y.reshape(*bottoms[0].shape[:axis], -1), np.array([weight])]


def margin_inner_product(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    units = params[0] / np.linalg.norm(params[0], axis=1, keepdims=True)
    return _margin_product(param.margin_inner_product_param, bottoms, units)[: len(param.top)]


def large_margin_inner_product(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    return _margin_product(param.largemargin_inner_product_param, bottoms, params[0])[: len(param.top)]
