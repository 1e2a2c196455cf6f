"""A net and its model in ONNX over the same inputs: how far apart are their outputs?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from netcli.errors import RunError
from netcli.net.net import Net
from netcli.runtime.streams import stream

TOLERANCE = 1e-4
"""The largest relative difference that rounding in another order explains, with room to spare."""
_INDEX_BOTTOMS = {"BatchReindex": 1, "Embed": 0}
"""layer type -> which of its bottoms holds indices"""
_FATAL = 4
"""The only messages of onnxruntime that are let through: errors come as exceptions."""


@dataclass(frozen=True)
class Difference:
    """How far an output of the model is from the net's blob.

    Attributes:
        blob: its name.
        absolute: the largest difference of two values.
        relative: the same over the blob's largest magnitude; infinite where shapes or infinities differ.
    """

    blob: str
    absolute: float
    relative: float


def compare(net: Net, model: Any, outputs: Sequence[str] = ()) -> list[Difference]:
    """Runs ``net``, and ``model`` by onnxruntime, over the same inputs.

    They are drawn from a normal distribution; inputs that are indices are 0, which always is one.

    Args:
        outputs: the blobs that are the model's outputs; by default those that nobody reads.

    Raises:
        RunError: NC608 without onnxruntime.
    """
    indices = _indices(net)
    for name in net.inputs:
        blob = net.blobs[name]
        drawn = stream(net.seed, "export check", name).standard_normal(blob.shape, dtype=np.float32)
        blob.data[...] = 0 if name in indices else drawn
    inputs = {name: net.blobs[name].data.copy() for name in net.inputs}
    net.forward()
    names = list(outputs) or [name for name in net.outputs if name not in net.inputs]
    given = run_model(model, inputs)
    return [difference(name, net.blobs[name].data, array) for name, array in zip(names, given, strict=True)]


def _indices(net: Net) -> set[str]:
    """The blobs, split copies and what they are copies of, in which layers look for indices."""
    found: set[str] = set()
    for step in reversed(net.graph.steps):
        if step.layer.type_name in _INDEX_BOTTOMS:
            found.add(step.bottoms[_INDEX_BOTTOMS[step.layer.type_name]])
        elif step.layer.type_name == "Split" and found.intersection(step.tops):
            found.add(step.bottoms[0])
    return found


def run_model(model: Any, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The outputs of ``model`` in its order. Raises RunError NC608.

    onnx's own reference evaluator would do without another package, but its LRN counts channels by the batch size
    (seen in 1.23), and it is slow.
    """
    try:
        import onnxruntime
    except ImportError:
        hint = 'pip install "netcli[onnx]"'
        raise RunError.of("NC608", "a model in ONNX is run by onnxruntime, which is not installed", hint=hint) from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [np.asarray(array) for array in session.run(None, dict(inputs))]


def difference(blob: str, expected: np.ndarray, given: np.ndarray) -> Difference:
    """How far ``given`` is from ``expected``; values that are both NaN, or the same infinity, do not differ."""
    if expected.shape != given.shape:
        return Difference(blob, np.inf, np.inf)
    same = (expected == given) | (np.isnan(expected) & np.isnan(given))
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0, np.abs(expected.astype(np.float64) - given))
    apart = np.nan_to_num(apart, nan=np.inf, posinf=np.inf)
    absolute = float(apart.max(initial=0))
    largest = float(np.abs(expected[np.isfinite(expected)]).max(initial=0))
    if absolute == 0:
        return Difference(blob, 0.0, 0.0)
    return Difference(blob, absolute, absolute / largest if largest else np.inf)
