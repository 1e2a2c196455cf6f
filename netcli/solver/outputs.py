"""What a net has to say after a forward pass: its outputs by name."""

from __future__ import annotations

import numpy as np

from netcli.net import Net
from netcli.runtime.blob import PLAIN
from netcli.solver.events import Outputs


def output_arrays(net: Net) -> dict[str, np.ndarray]:
    """The net's outputs, flat, as float64 copies."""
    return {name: net.blobs[name].values.read(PLAIN).reshape(-1).astype(np.float64) for name in net.outputs}


def as_outputs(arrays: dict[str, np.ndarray]) -> Outputs:
    """A number for an output of one element, a list for any other."""
    return {name: float(array[0]) if array.size == 1 else array.tolist() for name, array in arrays.items()}


def loss_weights(net: Net) -> dict[str, float]:
    """The loss weights of those outputs that have one."""
    return {
        top: weight
        for step in net.graph.steps
        for top, weight in zip(step.tops, step.loss_weights, strict=True)
        if weight and top in net.outputs
    }
