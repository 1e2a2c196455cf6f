"""LSTMUnit: one step of an LSTM, for nets that are unrolled by hand.

    i, f, o = sigmoid of the first three quarters of x, g = tanh of the last
    c = cont f c_before + i g
    h = o tanh(c)

Bottoms: c_before (1, N, D), x (1, N, 4 D), cont (1, N) -> c and h, both (1, N, D). No parameters. The gradient of x is
Caffe's, f (1 - f) with cont in f, which is the true one where cont is 0 or 1. Source: Caffe's lstm_unit_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer, LayerContext
from netcli.layers.registry import register
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
from netcli.runtime.blob import PLAIN, Blob, Shape


@register("LSTMUnit", bottoms=3, tops=2, undifferentiable=(2,))
class LSTMUnit(Layer):
    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._work = Workspace(context.dtype)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(1, N, D), (1, N, 4 D), (1, N) -> (1, N, D) twice. Raises ConfigError NC122 and NC124 for other shapes."""
        before, x, cont = bottom_shapes
        if len(before) != 3 or before[0] != 1:
            raise self.error("NC122", "not the state of one step", "bottom", 0, expected="(1, N, D)", actual=before)
        streams, units = before[1:]
        if x != (1, streams, 4 * units):
            raise self.error(
                "NC124",
                "the gates do not fit the state",
                "bottom",
                1,
                expected=f"{(1, streams, 4 * units)}, four times the units of {before}",
                actual=x,
            )
        if cont != (1, streams):
            raise self.error(
                "NC124", "cont must have one value a stream", "bottom", 2, expected=(1, streams), actual=cont
            )
        return [before, before]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        before, x, cont = (blob.values.read(PLAIN)[0] for blob in bottoms)
        c = self._work.kept("c", *before.shape)
        h = tops[1].values.write(PLAIN)[0]
        self.kernels.lstm_unit_forward(before, x, cont, self._work.kept("gates", *x.shape), c, h)
        np.copyto(tops[0].values.write(PLAIN)[0], c)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not (propagate_down[0] or propagate_down[1]):
            return
        before = bottoms[0].values.read(PLAIN)[0]
        gates, c = self._work.kept("gates", *bottoms[1].shape[1:]), self._work.kept("c", *before.shape)
        dc, dh = (top.gradients.read(PLAIN)[0] for top in tops)
        dbefore, dx = (
            blob.gradients.write(PLAIN)[0] if wanted else self._work.scratch(f"gradient {index}", *blob.shape[1:])
            for index, (blob, wanted) in enumerate(zip(bottoms[:2], propagate_down[:2], strict=True))
        )
        self.kernels.lstm_unit_backward(before, gates, c, dc, dh, dbefore, dx)
