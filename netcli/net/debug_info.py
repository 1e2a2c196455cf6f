"""``debug_info: true``: mean absolute values of data and gradients, layer by layer, in Caffe's words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer
from netcli.net.learnable import Learnable
from netcli.runtime.blob import PLAIN, Blob, Replicas


def _mean_absolute(replicas: Replicas) -> float:
    values = replicas.read(PLAIN)
    return float(np.abs(values).mean(dtype=np.float64)) if values.size else 0.0


def forward_lines(layer: Layer, tops: Sequence[Blob]) -> list[str]:
    """One line for each top and each parameter of a layer that has just run forward."""
    lines = [
        f"    [Forward] Layer {layer.name}, top blob {top.name} data: {_mean_absolute(top.values):.6g}" for top in tops
    ]
    lines += [
        f"    [Forward] Layer {layer.name}, param blob {index} data: {_mean_absolute(param.values):.6g}"
        for index, param in enumerate(layer.params)
    ]
    return lines


def backward_lines(layer: Layer, propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> list[str]:
    """One line for each gradient that a layer has just computed."""
    lines = [
        f"    [Backward] Layer {layer.name}, bottom blob {bottom.name} diff: {_mean_absolute(bottom.gradients):.6g}"
        for bottom, wanted in zip(bottoms, propagate_down, strict=True)
        if wanted
    ]
    lines += [
        f"    [Backward] Layer {layer.name}, param blob {index} diff: {_mean_absolute(param.gradients):.6g}"
        for index, param in enumerate(layer.params)
        if layer.trains[index]
    ]
    return lines


def parameter_norms_line(learnable: Sequence[Learnable]) -> str:
    """L1 and L2 norms over all parameters, after a backward pass."""
    values = [item.blob.values.read(PLAIN) for item in learnable]
    gradients = [item.blob.gradients.read(PLAIN) for item in learnable]

    def norms(arrays: list[np.ndarray]) -> tuple[float, float]:
        absolute = sum(float(np.abs(a).sum(dtype=np.float64)) for a in arrays)
        squares = sum(float(np.square(a, dtype=np.float64).sum()) for a in arrays)
        return absolute, squares**0.5

    (l1, l2), (l1_diff, l2_diff) = norms(values), norms(gradients)
    return f"    [Backward] All net params (data, diff): L1 norm = ({l1:.6g}, {l1_diff:.6g}); L2 norm = ({l2:.6g}, {l2_diff:.6g})"  # noqa: E501


def update_line(item: Learnable) -> str:
    """One line for a parameter that is about to be updated."""
    data, diff = _mean_absolute(item.blob.values), _mean_absolute(item.blob.gradients)
    return f"    [Update] Layer {item.layer}, param {item.index} data: {data:.6g}; diff: {diff:.6g}"
