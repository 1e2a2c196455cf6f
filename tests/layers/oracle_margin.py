"""The margin layers from their equations, in angles, item by item."""

from __future__ import annotations

import math

import numpy as np

from netcli.schema import caffe_pb2 as pb

Arrays = list[np.ndarray]
MarginSettings = pb.MarginInnerProductParameter | pb.LargeMarginInnerProductParameter | pb.AngularMarginParameter


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


def _angular_h(settings: pb.AngularMarginParameter, t: float, is_label: bool) -> float:
    """h(t) of AngularMargin, by the table in its docstring."""
    kind, m = pb.AngularMarginParameter.Type.Name(settings.type), settings.margin
    c = math.cos(t)
    if kind == "SPHEREFACE2":
        g = 2 * ((c + 1) / 2) ** settings.sharpness - 1
        return g - m if is_label else g + m
    if kind == "SPHEREFACE_R_V2":
        return c if is_label else math.cos(t / m)
    if not is_label:
        return c
    j = math.floor(m * t / math.pi)
    return {
        "COSFACE": c - m,
        "ARCFACE": math.cos(t + m) if t <= math.pi - m else c - m * math.sin(m),
        "SPHEREFACE": (-1) ** j * math.cos(m * t) - 2 * j,
        "SPHEREFACE_R_V1": math.cos(min(m * t, math.pi)),
    }[kind]


def angular_margin(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    settings = param.angular_margin_param
    labels = bottoms[1].reshape(-1).astype(int)
    axis = settings.axis % bottoms[0].ndim
    items = bottoms[0].reshape(len(labels), -1)
    units = params[0] / np.linalg.norm(params[0], axis=1, keepdims=True)
    bias = params[1][0] if len(params) > 1 else 0.0
    weight = annealed(settings)
    y = np.empty((len(items), len(units)))
    for i, (item, label) in enumerate(zip(items, labels, strict=True)):
        length = np.linalg.norm(item)
        for k, unit in enumerate(units):
            c = float(item @ unit / length)
            h = _angular_h(settings, math.acos(c), k == label)
            y[i, k] = (settings.scale or length) * (weight * c + h) / (1 + weight) + bias
    right = float(((items @ units.T).argmax(axis=1) == labels).mean())
    tops = [y.reshape(*bottoms[0].shape[:axis], -1), np.array([weight]), np.array(right)]
    return tops[: len(param.top)]


def one_vs_all_loss(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    positive = param.one_vs_all_loss_param.positive_weight
    x = bottoms[0].reshape(len(bottoms[0]), -1)
    total = 0.0
    for row, label in zip(x, bottoms[1].reshape(-1).astype(int), strict=True):
        for k, score in enumerate(row):
            total += (
                positive * math.log1p(math.exp(-score)) if k == label else (1 - positive) * math.log1p(math.exp(score))
            )
    return [np.array(total / len(x))]
