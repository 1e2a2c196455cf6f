"""LSTM and RNN, unrolled over their steps, and LSTMUnit.

A model in ONNX has no state between batches: only layers whose states are blobs (``expose_hidden``) can be exported.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.convert.onnx.layer_export import LayerExport
from netcli.convert.onnx.registry import exports

_INPUT, _BIAS, _STATIC = 0, 1, 2
"""Parameters: W_x, b, and W_x_static where there is a static input; then the recurrent weights."""


@exports("LSTM")
def lstm(layer: LayerExport) -> Sequence[str]:
    unrolled = _Unrolled(layer, states=2)
    h, c = unrolled.before
    sizes = _gate_sizes(layer, layer.settings.num_output)
    hidden = []
    for inputs, goes_on in unrolled.steps:
        c, h = _lstm_step(layer, unrolled.gates(inputs, goes_on, h), goes_on, c, sizes)
        hidden.append(h)
    return [layer.op("Concat", *hidden, axis=0), h, c]


@exports("RNN")
def rnn(layer: LayerExport) -> Sequence[str]:
    unrolled = _Unrolled(layer, states=1)
    (h,) = unrolled.before
    hidden = []
    for inputs, goes_on in unrolled.steps:
        h = layer.op("Tanh", unrolled.gates(inputs, goes_on, h))
        hidden.append(h)
    weights = layer.constant(layer.arrays[-2].T, "output_weight")
    inside = layer.op("MatMul", layer.op("Concat", *hidden, axis=0), weights)
    return [layer.op("Tanh", layer.op("Add", inside, layer.parameter(len(layer.arrays) - 1, "output_bias"))), h]


@exports("LSTMUnit")
def lstm_unit(layer: LayerExport) -> Sequence[str]:
    before, gates, cont = layer.bottoms
    goes_on = layer.reshaped(cont, (*layer.bottom_shapes[2], 1))
    return _lstm_step(layer, gates, goes_on, before, _gate_sizes(layer, layer.shape[2]))


class _Unrolled:
    """The inputs of a recurrent layer, step by step.

    Attributes:
        before: the states (1, N, D) before the first step.
        steps: for each step what x, x_static and the bias bring (1, N, gates D), and cont (1, N, 1).
    """

    def __init__(self, layer: LayerExport, states: int) -> None:
        if not layer.settings.expose_hidden:
            raise layer.refused(
                "its state goes on from batch to batch, and a model has none; expose_hidden: true makes it a blob"
            )
        count, streams = layer.shape[:2]
        self._layer = layer
        self.before = layer.bottoms[-states:]
        has_static = len(layer.bottoms) > 2 + states
        rows = layer.reshaped(layer.bottom, (count * streams, math.prod(layer.shape[2:])))
        total = layer.op("Gemm", rows, layer.parameter(_INPUT, "weight"), layer.parameter(_BIAS, "bias"), transB=1)
        total = layer.reshaped(total, (count, streams, len(layer.arrays[_BIAS])))
        if has_static:
            static = layer.op("Flatten", layer.bottoms[2], axis=1)
            brought = layer.op("Gemm", static, layer.parameter(_STATIC, "static_weight"), transB=1)
            total = layer.op("Add", total, brought)
        recurrent = layer.arrays[_STATIC + has_static]
        self._recurrent = layer.constant(recurrent.T, "recurrent_weight")
        cont = layer.reshaped(layer.bottoms[1], (count, streams, 1))
        ones = layer.integers([1] * count, "steps")
        inputs, goes_on = (layer.ops("Split", value, ones, outputs=count, axis=0) for value in (total, cont))
        self.steps = list(zip(inputs, goes_on, strict=True))

    def gates(self, inputs: str, goes_on: str, hidden: str) -> str:
        """W (cont h) + inputs."""
        continued = self._layer.op("Mul", goes_on, hidden)
        return self._layer.op("Add", self._layer.op("MatMul", continued, self._recurrent), inputs)


def _gate_sizes(layer: LayerExport, size: int) -> str:
    """What Split takes to cut an LSTM's four gates apart."""
    return layer.constant(np.full(4, size), "gate_sizes", np.int64)


def _lstm_step(layer: LayerExport, gates: str, goes_on: str, before: str, sizes: str) -> list[str]:
    """c = cont f c_before + i g and h = o tanh(c), with i, f, o, g the quarters of ``gates``."""
    inside = layer.ops("Split", gates, sizes, outputs=4, axis=2)
    i, f, o = (layer.op("Sigmoid", gate) for gate in inside[:3])
    g = layer.op("Tanh", inside[3])
    kept = layer.op("Mul", layer.op("Mul", goes_on, f), before)
    c = layer.op("Add", kept, layer.op("Mul", i, g))
    return [c, layer.op("Mul", o, layer.op("Tanh", c))]
