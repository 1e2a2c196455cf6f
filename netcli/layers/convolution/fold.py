"""A convolution and the channel maps behind it as one convolution, for passes that only go forward.

    s (w x + b) + t = (s w) x + (s b + t)

with s and t what BatchNorm with stored statistics, Scale and Bias multiply each channel by and add to it. Results
differ from those of the layers one by one by rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer
from netcli.runtime.blob import PLAIN, Blob


class Fold:
    """What ``convolution`` multiplies by and adds, with ``maps``, layers that have a ``channel_map``, behind it."""

    def __init__(self, convolution: Layer, maps: Sequence[Layer]) -> None:
        self._convolution = convolution
        self._maps = maps
        weights = convolution.params[0]
        self._weights = Blob(weights.shape, convolution.context.dtype)
        self._bias = Blob(weights.shape[:1], convolution.context.dtype)
        self._made_of: list[int | None] = []

    def parameters(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights and bias, made anew where a parameter of one of the layers has changed."""
        stamps = [blob.values.stamp for layer in (self._convolution, *self._maps) for blob in layer.params]
        if stamps != self._made_of or None in stamps:
            self._make()
            self._made_of = stamps
        return self._weights.values.read(PLAIN), self._bias.values.read(PLAIN)

    @property
    def stamp(self) -> int | None:
        """That of the weights; see ``Replicas.stamp``."""
        return self._weights.values.stamp

    def _make(self) -> None:
        weights, *biases = (blob.values.read(PLAIN) for blob in self._convolution.params)
        bias = self._bias.values.write(PLAIN)
        bias[:] = biases[0] if biases else 0
        factor = np.ones_like(bias)
        for layer in self._maps:
            found = layer.channel_map()
            assert found is not None, "a layer without a channel map"
            gain, shift = found
            bias *= gain
            bias += shift
            factor *= gain
        np.multiply(weights, factor.reshape(-1, *(1,) * (weights.ndim - 1)), out=self._weights.values.write(PLAIN))
