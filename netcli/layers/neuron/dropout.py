"""Dropout: sets elements to zero at random while training.

    TRAIN   y = x m / (1 - ratio),  m = 1 with probability 1 - ratio, else 0;  dx = dy m / (1 - ratio)
    TEST    y = x;  dx = dy

x: any shape -> y: the same. Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from
overfitting", JMLR 15, 2014, scaled at training time as in Caffe.

The mask is not stored. Each element's m is a hash of the pass and of the element's place in the logical order
(N, C, H, W), so that it depends neither on the layout nor on the threads, and backward finds it again. Where several
processes share a batch, it is the place in the whole batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer
from netcli.layers.registry import register
from netcli.runtime.blob import LANES, Blob, Place, Shape
from netcli.runtime.counter_key import key_from
from netcli.runtime.streams import stream_key


@register("Dropout", v1="DROPOUT", param="dropout_param", in_place=True)
class Dropout(Layer):
    _key = np.uint64(0)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> the same. Raises ConfigError NC121 for a ratio outside [0, 1)."""
        ratio = self.param.dropout_param.dropout_ratio
        if not 0 <= ratio < 1:
            raise self.error(
                "NC121",
                "dropout_ratio is out of range",
                "dropout_param",
                "dropout_ratio",
                expected="at least 0 and below 1",
                actual=f"{ratio:g}",
            )
        self.scale = self.real(1 / (1 - ratio))
        self.threshold = np.uint64(int(ratio * 2.0**64))
        self._first = self.context.share.offset(math.prod(bottom_shapes[0]))
        return [bottom_shapes[0]]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        self._key = self.pass_key()
        place = bottoms[0].values.home()
        self._apply(bottoms[0].values.read(place), place, tops[0].values.write(place), bottoms[0].shape)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        place = tops[0].gradients.home()
        self._apply(tops[0].gradients.read(place), place, bottoms[0].gradients.write(place), bottoms[0].shape)

    def pass_key(self) -> np.uint64:
        """What the mask of this pass is a hash of, beside an element's index in the part of the batch that is here."""
        context = self.context
        key = stream_key(context.seed, "dropout", self.name, context.pass_index)
        return key_from(key, self._first)

    def _apply(self, source: np.ndarray, place: Place, target: np.ndarray, shape: Shape) -> None:
        """Values and gradients take the same mask and scale."""
        if not self.training:
            if target is not source:
                np.copyto(target, source)
            return
        if place is not LANES:
            form = (shape[0] if shape else 1, 1, 1, -1)
            source, target = source.reshape(form), target.reshape(form)
        self.kernels.dropout(source, self._key, self.threshold, self.scale, target)
