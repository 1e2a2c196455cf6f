"""A convolution and what stands behind it as one layer: maps in passes that only go forward, a bend in all.

    s (w x + b) + t = (s w) x + (s b + t)

with s and t what BatchNorm with stored statistics, Scale and Bias multiply each channel by and add to it. Results
differ from those of the layers one by one by rounding. ReLU or PReLU behind them bends the sums before they are stored.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.convolution.made_of import MadeOf
from netcli.layers.layer import Layer
from netcli.runtime.blob import PLAIN, Blob

Folded = tuple[np.ndarray, np.ndarray | None, np.ndarray | None]
"""Weights, and bias (outputs,) and slopes (outputs,) if any."""


class Fold:
    """What ``convolution`` takes instead of its parameters.

    ``maps``: the layers behind it that have a ``channel_map``; ``bend``: the one behind them with ``channel_slopes``.
    """

    def __init__(self, convolution: Layer, maps: Sequence[Layer], bend: Layer | None) -> None:
        self._convolution = convolution
        self._maps = maps
        self._bend = bend
        weights = convolution.params[0]
        self._weights = Blob(weights.shape, convolution.context.dtype) if maps else weights
        self._bias = Blob(weights.shape[:1], convolution.context.dtype)
        self._made = MadeOf([convolution, *maps, *([bend] if bend else [])], self._make)

    def parameters(self) -> Folded:
        """Those of the present parameters of all its layers, for a forward pass."""
        if self._bend is not None:
            self._bend.done_along = True
        return self._made.present()

    @property
    def stamp(self) -> int | None:
        """That of the weights; see ``Replicas.stamp``."""
        return self._weights.values.stamp

    def _make(self) -> Folded:
        weights, *biases = (blob.values.read(PLAIN) for blob in self._convolution.params)
        slopes = None if self._bend is None else self._bend.channel_slopes(len(weights))
        if not self._maps:
            return weights, biases[0] if biases else None, slopes
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
        return self._weights.values.read(PLAIN), bias, slopes
