"""Coefficients along consecutive axes of a blob: what Scale multiplies by and Bias adds.

With ``axis`` a and n axes, the coefficient of x[i] is c[i_a, ..., i_(a + n - 1)]; n may be 0 (one number for all).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from netcli.layers.channel_form import channel_form
from netcli.layers.layer import Layer
from netcli.runtime.blob import LANES, PLAIN, Blob, Place, Replicas, Shape


@dataclass(frozen=True)
class Span:
    """The axes ``first`` to ``first + axes - 1`` of a blob of ``shape``."""

    shape: Shape
    first: int
    axes: int

    @property
    def coefficient_shape(self) -> Shape:
        """The shape of the coefficients; () for a scalar."""
        return self.shape[self.first : self.first + self.axes]

    @property
    def count(self) -> int:
        """Number of coefficients."""
        return math.prod(self.coefficient_shape)

    @property
    def is_of_channels(self) -> bool:
        """Whether the coefficients run along the channels."""
        return (self.first, self.axes) == (1, 1)

    def place(self, replicas: Replicas) -> Place:
        """Where to work: in lanes only if the coefficients run along the channels, or if there is but one."""
        return replicas.home() if self.axes == 0 or self.is_of_channels else PLAIN

    def form(self, array: np.ndarray, place: Place) -> np.ndarray:
        """A view (groups, positions, count, width) of the ``array`` at ``place``."""
        if self.axes == 0:
            rows = array.shape[0] if array.ndim else 1
            return array.reshape(rows, 1, 1, -1)
        if place is LANES:
            return channel_form(array, place, self.shape, 1)
        inner = math.prod(self.shape[self.first + self.axes :])
        return array.reshape(math.prod(self.shape[: self.first]), 1, self.count, inner)


def learned_span(layer: Layer, shape: Shape, axis: int, axes: int, field: str) -> Span:
    """The span of coefficients that the layer learns: ``axes`` axes of ``shape`` from ``axis`` on, -1 for all.

    Raises:
        ConfigError: NC123 for an axis out of range, NC121 for ``num_axes`` below -1 or past the last axis.
    """
    first = layer.canonical_axis(axis, len(shape), field, "axis")
    most = len(shape) - first
    if not -1 <= axes <= most:
        raise layer.error(
            "NC121",
            "num_axes is out of range",
            field,
            "num_axes",
            expected=f"-1 to {most} from axis {first} of {shape}",
            actual=axes,
        )
    return Span(shape, first, most if axes == -1 else axes)


def given_span(layer: Layer, shape: Shape, coefficients: Shape, axis: int, field: str) -> Span:
    """The span of coefficients that the second bottom brings.

    Raises:
        ConfigError: NC123 for an axis out of range, NC124 if the bottom's axes are not those of ``shape``.
    """
    first = layer.canonical_axis(axis, len(shape), field, "axis") if coefficients else 0
    span = Span(shape, first, len(coefficients))
    if span.coefficient_shape != coefficients:
        raise layer.error(
            "NC124",
            "the second bottom must have consecutive axes of the first",
            "bottom",
            1,
            expected=f"the axes of {shape} from axis {first} on, one or more, such as {shape[first : first + 1]}",
            actual=coefficients,
        )
    return span


def vector(blob: Blob) -> np.ndarray:
    """The coefficients in ``blob`` as (count,)."""
    return blob.values.read(PLAIN).reshape(-1)


def add_gradient(blob: Blob, gradient: np.ndarray) -> None:
    """Adds ``gradient`` (count,) to that of a parameter."""
    total = blob.gradients.update(PLAIN).reshape(-1)
    np.add(total, gradient, out=total)
