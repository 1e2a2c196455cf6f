"""What RNN and LSTM share: bottoms and tops, the state between batches, and the products with the inputs.

Bottoms: x (T, N, ...): T time steps of N independent streams. cont (T, N): 0 where a stream starts anew, 1 where it
goes on. Perhaps x_static (N, ...), which every time step sees. With ``expose_hidden``: the state before the first
step, one blob (1, N, num_output) each. Tops: y (T, N, num_output) and with ``expose_hidden`` the state after the
last step.

Without ``expose_hidden`` a batch starts in the state in which the batch before has ended, zeros at first; cont says
whether that counts. Gradients do not cross batches: none goes into the state before the first step and none is
taken from the state after the last one, exposed or not (truncated backpropagation through time, as in Caffe).

``debug_info`` has no effect. Source: Caffe's recurrent_layer, which unrolls a net; Donahue et al., "Long-term
recurrent convolutional networks for visual recognition and description", CVPR 2015.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from netcli.layers.layer import Layer, LayerContext, ParameterDeclaration
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
from netcli.runtime.blob import PLAIN, Blob, Shape


class Recurrent(Layer):
    """Subclasses say what a step does.

    Attributes:
        states: names of the blobs that go from step to step; the first is the hidden one.
        gates: how many times num_output values a step needs of its inputs.
    """

    states: ClassVar[tuple[str, ...]]
    gates: ClassVar[int]

    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._work = Workspace(context.dtype)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """x, cont, perhaps x_static, perhaps states -> (T, N, num_output) and perhaps states.

        Raises:
            ConfigError: NC102 and NC103 for counts that do not fit expose_hidden, NC120 without num_output, NC122
                and NC124 for shapes, or an error of a filler.
        """
        settings = self.param.recurrent_param
        exposed = len(self.states) if settings.expose_hidden else 0
        self._check_counts(len(bottom_shapes), exposed)
        if settings.num_output == 0:
            raise self.error("NC120", "num_output is missing", "recurrent_param", expected="at least 1")
        self._exposed = exposed
        self._has_static = len(bottom_shapes) > 2 + exposed
        self._units = settings.num_output
        self._check_shapes(bottom_shapes)
        self._steps, self._streams = bottom_shapes[0][:2]
        static = math.prod(bottom_shapes[2][1:]) if self._has_static else 0
        self.declarations = [
            self._declare(shape) for shape in self._parameter_shapes(math.prod(bottom_shapes[0][2:]), static)
        ]
        state: Shape = (1, self._streams, self._units)
        return [(self._steps, self._streams, self._units), *[state] * exposed]

    def macs(self, bottom_shapes: Sequence[Shape], top_shapes: Sequence[Shape]) -> int:
        """Products with the matrices: those of the static input once a stream, the others once a step and stream."""
        sizes = [math.prod(d.shape) if len(d.shape) == 2 else 0 for d in self.declarations]
        static = sizes[2] if self._has_static else 0
        return self._streams * (self._steps * (sum(sizes) - static) + static)

    def gradient_exception(self, kind: str, index: int) -> str:
        if kind == "bottom" and index >= 2 + self._has_static:
            return "no gradient goes back beyond the first step"
        if kind == "top" and index:
            return "no gradient comes from behind the last step"
        return super().gradient_exception(kind, index)

    def _parameter_shapes(self, features: int, static: int) -> list[Shape]:
        """In Caffe's order: input weights, bias, static weights if any, recurrent weights; subclasses add to them."""
        rows = self.gates * self._units
        return [(rows, features), (rows,), *([(rows, static)] if self._has_static else []), (rows, self._units)]

    def _declare(self, shape: Shape) -> ParameterDeclaration:
        settings = self.param.recurrent_param
        name, filler = ("weight_filler", settings.weight_filler)
        if len(shape) == 1:
            name, filler = ("bias_filler", settings.bias_filler)
        return self.learnable(shape, filler, "recurrent_param", name)

    def _check_counts(self, bottoms: int, exposed: int) -> None:
        known = f"x, cont{''.join(f', {name}_0' for name in self.states[:exposed])}"
        if bottoms not in (2 + exposed, 3 + exposed):
            raise self.error(
                "NC102",
                "wrong number of bottoms",
                "bottom",
                bottoms - 1,
                expected=f"{2 + exposed} ({known}) or {3 + exposed} (with x_static after cont)",
                actual=bottoms,
                hint=None if exposed else "expose_hidden: true adds the states before the first step",
            )
        tops = len(self.param.top)
        if tops != 1 + exposed:
            raise self.error(
                "NC103",
                "wrong number of tops",
                "top",
                tops - 1,
                expected=f"{1 + exposed} ({', '.join(['y', *(f'{name}_T' for name in self.states[:exposed])])})",
                actual=tops,
            )

    def _check_shapes(self, shapes: Sequence[Shape]) -> None:
        x, cont = shapes[:2]
        if len(x) < 3:
            raise self.error(
                "NC122", "the input has too few axes", "bottom", 0, expected="(steps, streams, features...)", actual=x
            )
        if cont != x[:2]:
            raise self.error(
                "NC124",
                "cont must have one value a step and stream",
                "bottom",
                1,
                expected=f"{x[:2]} for the input {x}",
                actual=cont,
            )
        if self._has_static and (len(shapes[2]) < 2 or shapes[2][0] != x[1]):
            raise self.error(
                "NC124",
                "the static input does not fit the streams",
                "bottom",
                2,
                expected=f"({x[1]}, features...)",
                actual=shapes[2],
            )
        state = (1, x[1], self._units)
        for index in range(2 + self._has_static, len(shapes)):
            if shapes[index] != state:
                raise self.error(
                    "NC124",
                    "a state before the first step has the wrong shape",
                    "bottom",
                    index,
                    expected=f"{state}, (1, streams, num_output)",
                    actual=shapes[index],
                )

    # What the steps of a pass have in common

    def _weights(self, index: int) -> np.ndarray:
        return self.params[index].values.read(PLAIN)

    @property
    def _recurrent_index(self) -> int:
        """The parameter that multiplies the hidden state."""
        return 3 if self._has_static else 2

    def _by_step(self, name: str, width: int) -> np.ndarray:
        """Scratch (T, N, width)."""
        return self._work.kept(name, self._steps, self._streams, width)

    def _history(self, bottoms: Sequence[Blob]) -> list[np.ndarray]:
        """Each state as (T + 1, N, units): what stands before step t at index t. Index 0 is set."""
        histories = []
        for index, name in enumerate(self.states):
            history = self._work.kept(f"history of {name}", self._steps + 1, self._streams, self._units)
            given = bottoms[2 + self._has_static + index].values.read(PLAIN)[0] if self._exposed else history[-1]
            np.copyto(history[0], given)
            histories.append(history)
        return histories

    def _write_tops(self, y: np.ndarray, histories: Sequence[np.ndarray], tops: Sequence[Blob]) -> None:
        np.copyto(tops[0].values.write(PLAIN), y)
        for top, history in zip(tops[1:], histories, strict=False):
            np.copyto(top.values.write(PLAIN)[0], history[-1])

    def _from_inputs(self, bottoms: Sequence[Blob]) -> np.ndarray:
        """(T, N, gates units): what x, x_static and the bias bring to each step."""
        rows = self.gates * self._units
        total = self._by_step("from inputs", rows)
        flat = total.reshape(-1, rows)
        multiply(_rows(bottoms[0].values.read(PLAIN), 2), self._weights(0).T, flat)
        self.kernels.add_rows(flat, self._weights(1).reshape(1, rows))
        if self._has_static:
            static = self._work.scratch("from static", self._streams, rows)
            multiply(_rows(bottoms[2].values.read(PLAIN), 1), self._weights(2).T, static)
            self.kernels.add_rows(flat, static)
        return total

    def _input_gradients(
        self, gradient: np.ndarray, continued: np.ndarray, propagate_down: Sequence[bool], bottoms: Sequence[Blob]
    ) -> None:
        """From the gradient of the gates' inputs (T, N, gates units) to those of all bottoms and parameters.

        ``continued`` (T, N, units) is the hidden state that each step has seen.
        """
        flat = gradient.reshape(-1, gradient.shape[2])
        x = _rows(bottoms[0].values.read(PLAIN), 2)
        self._add_matrix_gradient(0, flat, x)
        self._add_bias_gradient(1, flat)
        self._add_matrix_gradient(self._recurrent_index, flat, continued.reshape(-1, self._units))
        if propagate_down[0]:
            multiply(flat, self._weights(0), _rows(bottoms[0].gradients.write(PLAIN), 2))
        if self._has_static:
            total = self._work.scratch("static gradient", *gradient.shape[1:])
            np.sum(gradient, axis=0, out=total)
            self._add_matrix_gradient(2, total, _rows(bottoms[2].values.read(PLAIN), 1))
            if propagate_down[2]:
                multiply(total, self._weights(2), _rows(bottoms[2].gradients.write(PLAIN), 1))
        for index in range(2 + self._has_static, len(bottoms)):
            if propagate_down[index]:
                bottoms[index].gradients.write(PLAIN).fill(0)

    def _add_matrix_gradient(self, index: int, gradient: np.ndarray, inputs: np.ndarray) -> None:
        added = self._work.scratch("added gradient", *self.declarations[index].shape)
        multiply(gradient.T, inputs, added)
        total = self.params[index].gradients.update(PLAIN)
        np.add(total, added, out=total)

    def _add_bias_gradient(self, index: int, gradient: np.ndarray) -> None:
        added = self._work.scratch("added gradient", *self.declarations[index].shape)
        np.sum(gradient, axis=0, out=added)
        total = self.params[index].gradients.update(PLAIN)
        np.add(total, added, out=total)


def multiply(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """out = a b. NaN and infinity go through in silence, as in kernels."""
    with np.errstate(all="ignore"):
        np.matmul(a, b, out=out)


def _rows(array: np.ndarray, axes: int) -> np.ndarray:
    """A view whose first axis runs over the first ``axes`` axes, and the second over all others."""
    return array.reshape(math.prod(array.shape[:axes]), -1)
