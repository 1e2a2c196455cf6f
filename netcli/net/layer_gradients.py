"""One layer's gradients, by its own backward pass and by differences of its forward pass.

The objective is the sum over the tops of v y, with the same v in the tops' gradients: the loss weight of a top that has
one, 0 for the other tops of a loss and for tops that backward takes nothing from, random numbers for all others.
Differences are central,

    (f(x + h) - f(x - h)) / (2 h),  h = step * root mean square of the blob

and are taken top by top before they are summed, so that the tops that do not depend on x bring in no rounding.

A kink (ReLU at 0, two equal values under a maximum) shows in the one-sided differences of a top, d+ and d-. No
subgradient is further from the central difference than the sum of |v| |d+ - d-| / 2: a mismatch up to that is a
kink's, and says nothing about the layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netcli.net.step import Step
from netcli.runtime.blob import PLAIN, Blob, Replicas

SMALLEST_SCALE = 1e-3
"""Values count as at least so large when the step is chosen: h is not lost in the rounding of the tops."""
SMALLEST_GRADIENT = 1e-6
"""Gradients count as at least so large when errors are taken relative to them."""
ROUNDING = 64
"""How many units in the last place of a top its value may be off."""


@dataclass(frozen=True)
class Element:
    """One element of a blob: what backward and differences say of it, and how it is to be taken."""

    index: tuple[int, ...]
    analytic: float
    numeric: float
    noise: float
    """How far ``numeric`` may be off by rounding."""
    kink: float
    """How far ``analytic`` may be off by a kink."""


class LayerGradients:
    """A layer of a net in float64, on the net's own blobs, in place where the net has it in place.

    Args:
        step: the layer and its loss weights.
        bottoms, tops: its blobs; the bottoms hold the values that it is checked at.
        wanted: for each bottom, whether it is to get a gradient.
        generator: draws the tops' gradients.

    ``restore`` leaves bottoms, tops and parameters as a forward pass from the given values leaves them.
    """

    def __init__(
        self,
        step: Step,
        bottoms: Sequence[Blob],
        tops: Sequence[Blob],
        wanted: Sequence[bool],
        generator: np.random.Generator,
    ) -> None:
        self._step = step
        self._layer = step.layer
        self._bottoms, self._tops, self._wanted = bottoms, tops, wanted
        self._inputs = [blob.values.read(PLAIN).copy() for blob in bottoms]
        self._params = [blob.values.read(PLAIN).copy() for blob in self._layer.params]
        self._layer.trains = [True] * len(self._params)
        self._outputs = self._forward()
        self._weights = [
            self._top_gradient(index, values.shape, generator) for index, values in enumerate(self._outputs)
        ]
        self._analytic = self._backward()

    @property
    def error(self) -> float:
        """How far backward may be off by the layer's own word, relative to the gradient."""
        return self._layer.gradient_error

    @property
    def finite(self) -> bool:
        """Whether the values around the layer, at which it is checked, are numbers."""
        return all(np.isfinite(array).all() for array in (*self._inputs, *self._params, *self._outputs))

    @property
    def repeatable(self) -> bool:
        """Whether forward gives the same tops when it runs again from the same values."""
        again = self._forward()
        return all(np.array_equal(y, z, equal_nan=True) for y, z in zip(self._outputs, again, strict=True))

    def analytic(self, kind: str, index: int) -> np.ndarray:
        """What backward gives for blob ``index`` of ``kind`` ("bottom" or "param")."""
        return self._analytic[kind, index]

    def elements(self, kind: str, index: int, flat_indices: Sequence[int], step: float) -> list[Element]:
        """Backward and differences at the given elements of a blob; ``step`` is relative to its size."""
        values = (self._inputs if kind == "bottom" else self._params)[index]
        analytic = self._analytic[kind, index]
        size = np.sqrt(np.mean(values**2)) if np.isfinite(values).all() else 1.0
        h = step * max(float(size), SMALLEST_SCALE)
        return [
            Element(
                tuple(int(i) for i in np.unravel_index(flat, values.shape)),
                float(analytic.reshape(-1)[flat]),
                *self._difference(values.reshape(-1), flat, h),
            )
            for flat in flat_indices
        ]

    def restore(self) -> None:
        """Runs forward from the values that the layer was made with."""
        self._forward()

    def _difference(self, values: np.ndarray, flat: int, h: float) -> tuple[float, float, float]:
        """The central difference, its rounding and what a kink may do to it. ``values`` is left as it was."""
        kept = values[flat]
        values[flat] = kept + h
        above = self._forward()
        values[flat] = kept - h
        below = self._forward()
        values[flat] = kept
        central = noise = kink = 0.0
        for weight, y, up, down in zip(self._weights, self._outputs, above, below, strict=True):
            if up.shape != y.shape or down.shape != y.shape:
                return np.nan, 0.0, np.inf
            moved = (up != y) | (down != y)
            v, y, up, down = weight[moved], y[moved], up[moved], down[moved]
            central += float(np.sum(v * (up - down))) / (2 * h)
            kink += float(np.sum(np.abs(v) * np.abs(up - 2 * y + down))) / (2 * h)
            noise += ROUNDING * np.finfo(float).eps * float(np.sqrt(np.sum((v * np.abs(y)) ** 2))) / h
        return central, float(noise), kink

    def _top_gradient(self, index: int, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        loss_weight = self._step.loss_weights[index]
        if loss_weight:
            return np.full(shape, loss_weight)
        if self._layer.is_loss or self._layer.gradient_exception("top", index):
            return np.full(shape, 1.0 if self._layer.is_loss and not index else 0.0)
        return generator.standard_normal(shape)

    def _forward(self) -> list[np.ndarray]:
        for blob, values in zip(self._bottoms, self._inputs, strict=True):
            blob.values.write(PLAIN)[...] = values
        for blob, values in zip(self._layer.params, self._params, strict=True):
            blob.values.write(PLAIN)[...] = values
        self._layer.forward(self._bottoms, self._tops)
        return [blob.values.read(PLAIN).copy() for blob in self._tops]

    def _backward(self) -> dict[tuple[str, int], np.ndarray]:
        """Gradients of the wanted bottoms, which hold NaN before, and of the parameters, which hold 0."""
        for blob in self._bottoms:
            if not any(blob is top for top in self._tops):
                blob.gradients.write(PLAIN).fill(np.nan)
        for blob, weight in zip(self._tops, self._weights, strict=True):
            blob.gradients.write(PLAIN)[...] = weight
        for blob in self._layer.params:
            blob.gradients.write(PLAIN).fill(0)
        self._layer.backward(self._tops, list(self._wanted), self._bottoms)
        named: dict[tuple[str, int], Replicas] = {
            ("bottom", index): blob.gradients for index, blob in enumerate(self._bottoms) if self._wanted[index]
        }
        named |= {("param", index): blob.gradients for index, blob in enumerate(self._layer.params)}
        return {key: gradients.read(PLAIN).copy() for key, gradients in named.items()}
