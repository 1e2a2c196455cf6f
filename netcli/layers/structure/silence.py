"""Silence: takes blobs that nobody reads, so that they are not outputs of the net.

    dx = 0

Any number of bottoms of any shape, no tops. Source: Caffe's silence_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.layer import Layer
from netcli.layers.registry import register
from netcli.runtime.blob import Blob, Shape


@register("Silence", v1="SILENCE", bottoms=(1, None), tops=0)
class Silence(Layer):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shapes) -> nothing."""
        return []

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """Nothing to do."""

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        for bottom, wanted in zip(bottoms, propagate_down, strict=True):
            if wanted:
                bottom.gradients.write(bottom.values.home()).fill(0)
