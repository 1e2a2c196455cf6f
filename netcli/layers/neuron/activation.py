"""What the activations share: one function of one number, forward and backward over all elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from netcli.layers.kept_input import KeptInput
from netcli.layers.layer import Layer, LayerContext
from netcli.prototxt import LayerSource
from netcli.runtime.blob import PLAIN, Blob, Place, Replicas, Shape


class Activation(Layer):
    """y = f(x) for each element; (any shape) -> the same.

    Attributes:
        function: the name of f: its kernels are ``<function>_forward`` and ``<function>_backward``.
        numbers: what these take besides arrays, known after ``setup``.
        backward_reads: "y" where the derivative is told from the result, which costs nothing in place; "x"
            where it takes the input, of which a copy is kept in place.
        plain_only: True where f may be infinite at what stands in padding lanes, which must stay finite.
    """

    function: ClassVar[str]
    numbers: tuple[np.floating, ...] = ()
    backward_reads: ClassVar[str] = "y"
    plain_only: ClassVar[bool] = False

    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._input = KeptInput(self)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> the same."""
        return [bottom_shapes[0]]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        place = self._place(bottoms[0].values)
        x = (
            bottoms[0].values.read(place)
            if self.backward_reads == "y"
            else self._input.keep(bottoms[0], tops[0], place)
        )
        self._apply(x.reshape(-1), tops[0].values.write(place).reshape(-1))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        place = self._place(tops[0].gradients)
        values = tops[0].values if self.backward_reads == "y" else self._input.values(bottoms[0], tops[0])
        dy = tops[0].gradients.read(place).reshape(-1)
        self._differentiate(values.read(place).reshape(-1), dy, bottoms[0].gradients.write(place).reshape(-1))

    def kept_shapes(self, bottom_shapes: Sequence[Shape], top_shapes: Sequence[Shape]) -> list[Shape]:
        return self._input.shapes(bottom_shapes) if self.backward_reads == "x" else []

    def _apply(self, x: np.ndarray, y: np.ndarray) -> None:
        """Writes y; both flat, perhaps the same array."""
        getattr(self.kernels, f"{self.function}_forward")(x, *self.numbers, y)

    def _differentiate(self, values: np.ndarray, dy: np.ndarray, dx: np.ndarray) -> None:
        """Writes dx; ``values`` are what ``backward_reads`` names. All flat; dx and dy perhaps the same array."""
        getattr(self.kernels, f"{self.function}_backward")(values, dy, *self.numbers, dx)

    def _place(self, replicas: Replicas) -> Place:
        return PLAIN if self.plain_only else replicas.home()
