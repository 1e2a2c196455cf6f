"""RNN: the plain recurrent layer.

    h_t = tanh(W_hh (cont_t h_(t-1)) + W_xh x_t + b_h [+ W_xh_static x_static])
    y_t = tanh(W_ho h_t + b_o)

Bottoms, tops and the state h between batches: see ``recurrent``. Parameters: W_xh (D, I), b_h (D,), [W_xh_static
(D, I_static)], W_hh (D, D), W_ho (D, D), b_o (D,) with D = num_output. Source: Caffe's rnn_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.recurrent.recurrent import Recurrent, multiply
from netcli.layers.registry import register
from netcli.runtime.blob import PLAIN, Blob, Shape


@register("RNN", param="recurrent_param", bottoms=(2, 4), tops=(1, 2), undifferentiable=(1,))
class RNN(Recurrent):
    states = ("h",)
    gates = 1

    def _parameter_shapes(self, features: int, static: int) -> list[Shape]:
        return [*super()._parameter_shapes(features, static), (self._units, self._units), (self._units,)]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        cont = bottoms[1].values.read(PLAIN)
        inputs = self._from_inputs(bottoms)
        (h,) = self._history(bottoms)
        continued, product = self._by_step("continued", self._units), self._work.kept("product", *h.shape[1:])
        for t in range(self._steps):
            self.kernels.continue_streams(h[t], cont[t], continued[t])
            multiply(continued[t], self._weights(self._recurrent_index).T, product)
            self.kernels.add_and_squash(product, inputs[t], h[t + 1])
        y = self._by_step("y", self._units)
        flat = y.reshape(-1, self._units)
        multiply(h[1:].reshape(-1, self._units), self._weights(self._output_index).T, flat)
        self.kernels.add_and_squash(flat, self._weights(self._output_index + 1).reshape(1, -1), flat)
        self._write_tops(y, [h], tops)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        cont = bottoms[1].values.read(PLAIN)
        h = self._work.kept("history of h", self._steps + 1, self._streams, self._units)
        from_output = self._output_gradients(tops[0].gradients.read(PLAIN), h[1:])
        gradient = self._by_step("gradient", self._units)
        later, product = (self._work.kept(name, *h.shape[1:]) for name in ("later", "product"))
        later.fill(0)
        for t in reversed(range(self._steps)):
            self.kernels.squash_backward(h[t + 1], from_output[t], later, gradient[t])
            multiply(gradient[t], self._weights(self._recurrent_index), product)
            self.kernels.continue_streams(product, cont[t], later)
        self._input_gradients(gradient, self._by_step("continued", self._units), propagate_down, bottoms)

    @property
    def _output_index(self) -> int:
        """W_ho; b_o follows it."""
        return self._recurrent_index + 1

    def _output_gradients(self, dy: np.ndarray, h: np.ndarray) -> np.ndarray:
        """The gradient (T, N, D) of h by way of y alone; adds to those of W_ho and b_o."""
        y, inside, by_step = (self._by_step(name, self._units) for name in ("y", "inside y", "from output"))
        flat = inside.reshape(-1, self._units)
        nothing = self._work.kept("nothing", 1, self._units)
        self.kernels.squash_backward(y.reshape(flat.shape), dy.reshape(flat.shape), nothing, flat)
        self._add_matrix_gradient(self._output_index, flat, h.reshape(-1, self._units))
        self._add_bias_gradient(self._output_index + 1, flat)
        multiply(flat, self._weights(self._output_index), by_step.reshape(-1, self._units))
        return by_step
