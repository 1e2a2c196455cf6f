"""LSTM: long short-term memory, without peepholes.

    (i, f, o, g)_t = (sigmoid, sigmoid, sigmoid, tanh)(W_hc (cont_t h_(t-1)) + W_xc x_t + b_c [+ W_xc_static x_static])
    c_t = cont_t f_t c_(t-1) + i_t g_t
    y_t = h_t = o_t tanh(c_t)

Bottoms, tops and the states h, c between batches: see ``recurrent``. Parameters, with the gates i, f, o, g stacked
in this order: W_xc (4 D, I), b_c (4 D,), [W_xc_static (4 D, I_static)], W_hc (4 D, D) with D = num_output.

Source: Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 1997; Caffe's lstm_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.recurrent.recurrent import Recurrent, multiply
from netcli.layers.registry import register
from netcli.runtime.blob import PLAIN, Blob


@register("LSTM", param="recurrent_param", bottoms=(2, 5), tops=(1, 3), undifferentiable=(1,))
class LSTM(Recurrent):
    states = ("h", "c")
    gates = 4

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        cont = bottoms[1].values.read(PLAIN)
        gates = self._from_inputs(bottoms)
        h, c = self._history(bottoms)
        continued, product = self._by_step("continued", self._units), self._work.kept("product", *gates.shape[1:])
        for t in range(self._steps):
            self.kernels.continue_streams(h[t], cont[t], continued[t])
            multiply(continued[t], self._weights(self._recurrent_index).T, product)
            np.add(gates[t], product, out=gates[t])
            self.kernels.lstm_unit_forward(c[t], gates[t], cont[t], gates[t], c[t + 1], h[t + 1])
        self._write_tops(h[1:], [h, c], tops)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        cont = bottoms[1].values.read(PLAIN)
        dy = tops[0].gradients.read(PLAIN)
        gates = self._by_step("from inputs", 4 * self._units)
        c = self._work.kept("history of c", self._steps + 1, self._streams, self._units)
        gradient = self._by_step("gradient", 4 * self._units)
        dh, dc, product = (self._work.kept(name, self._streams, self._units) for name in ("dh", "dc", "from later"))
        dh.fill(0)
        dc.fill(0)
        for t in reversed(range(self._steps)):
            np.add(dh, dy[t], out=dh)
            self.kernels.lstm_unit_backward(c[t], gates[t], c[t + 1], dc, dh, dc, gradient[t])
            multiply(gradient[t], self._weights(self._recurrent_index), product)
            self.kernels.continue_streams(product, cont[t], dh)
        self._input_gradients(gradient, self._by_step("continued", self._units), propagate_down, bottoms)
