"""Runs one layer of the table by itself, with its blobs fresh in the place that a test wants.

``runner`` is what runs: the layer itself, unless a test puts its form on another device there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from layer_case import SEED, LayerCase

from netcli.layers.layer import Layer
from netcli.runtime.blob import LANES, PLAIN, Blob, Place, Replicas

if TYPE_CHECKING:
    from netcli.layers.cuda_form import CudaForm

PADDING_VALUE = 0.75
"""What stands in the padding lanes of values: any finite number must do."""


def put(replicas: Replicas, array: np.ndarray, place: Place, *, padding: float = 0.0) -> None:
    """Writes ``array`` and leaves it fresh at ``place`` only."""
    replicas.write(PLAIN)[...] = array
    if place is LANES:
        lanes = replicas.update(LANES)
        images = array.shape[0] if array.ndim else 1
        if images % lanes.shape[3]:
            lanes[-1, :, :, images % lanes.shape[3] :] = padding


class TypedKernels:
    """A layer's kernels, which complain about an argument that is not of the net's type."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._dtype = layer.context.dtype

    def __getattr__(self, name: str) -> object:
        kernel = getattr(Layer.kernels.func(self._layer), name)
        if not callable(kernel):
            return kernel

        def call(*arguments: object) -> object:
            for position, argument in enumerate(arguments):
                is_real = isinstance(argument, float) or getattr(argument, "dtype", np.dtype(int)).kind == "f"
                dtype = getattr(argument, "dtype", type(argument))
                assert not is_real or dtype == self._dtype, f"argument {position} of {name} is {dtype}"
            return kernel(*arguments)

        return call


class SingleLayer:
    """A layer, its blobs and its parameters (drawn at random, small)."""

    def __init__(
        self, case: LayerCase, dtype: type = np.float32, *, batch: int | None = None, in_place: bool = False
    ) -> None:
        self.case = case
        self.layer = case.layer(dtype, in_place=in_place)
        shapes = case.bottom_shapes(batch)
        top_shapes = self.layer.setup(shapes)
        case.prepare(self.layer)
        self.bottoms = [Blob(shape, dtype, f"b{i}") for i, shape in enumerate(shapes)]
        self.tops = [Blob(shape, dtype, f"t{i}") for i, shape in enumerate(top_shapes)]
        if in_place:
            self.tops[0] = self.bottoms[0]
        rng = np.random.default_rng(SEED + 1)
        for declaration in self.layer.declarations:
            blob = Blob(declaration.shape, dtype)
            blob.values.write(PLAIN)[...] = case.make_param(rng, declaration.shape)
            self.layer.params.append(blob)
        self.layer.__dict__["kernels"] = TypedKernels(self.layer)
        self.runner: Layer | CudaForm = self.layer

    @property
    def params(self) -> list[np.ndarray]:
        """The parameters' values."""
        return [blob.values.read(PLAIN) for blob in self.layer.params]

    def reshape(self, batch: int) -> None:
        """Another batch, as a net would bring it."""
        shapes = self.case.bottom_shapes(batch)
        for blob, shape in zip(self.bottoms + self.tops, shapes + self.layer.setup(shapes), strict=True):
            blob.reshape(shape)

    def forward(self, bottoms: Sequence[np.ndarray], place: Place = LANES) -> list[np.ndarray]:
        """Writes the bottoms, runs forward, returns copies of the tops."""
        for blob, array in zip(self.bottoms, bottoms, strict=True):
            put(blob.values, array, place, padding=PADDING_VALUE)
        self.runner.forward(self.bottoms, self.tops)
        return [top.values.read(PLAIN).copy() for top in self.tops]

    def backward(
        self, top_gradients: Sequence[np.ndarray], place: Place = LANES
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Runs backward from ``top_gradients``; returns copies of the bottoms' and the parameters' gradients.

        The bottoms' gradients hold NaN before, so that adding instead of writing shows.
        """
        wanted = [bottom.differentiable for bottom in self.case.bottoms]
        for blob in self.bottoms:
            if blob not in self.tops:
                blob.gradients.write(PLAIN).fill(np.nan)
        for top, gradient in zip(self.tops, top_gradients, strict=True):
            put(top.gradients, gradient, place)
        for param in self.layer.params:
            param.gradients.write(PLAIN).fill(0)
        self.runner.backward(self.tops, wanted, self.bottoms)
        bottoms = [blob.gradients.read(PLAIN).copy() for blob, want in zip(self.bottoms, wanted, strict=True) if want]
        return bottoms, [param.gradients.read(PLAIN).copy() for param in self.layer.params]
