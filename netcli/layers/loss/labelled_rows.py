"""What the losses over (N, everything else) and N labels share."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer
from netcli.layers.loss.labels import check_label_count
from netcli.runtime.blob import PLAIN, Blob, Shape


class LabelledRows(Layer):
    """Base of losses for which all values of an example are the scores of one label."""

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N, ...) and N labels -> (). Raises ConfigError NC122 without an axis, NC125 for another number of labels."""
        shape, label_shape = bottom_shapes
        if not shape:
            raise self.error("NC122", "a batch is needed", "bottom", 0, expected="(N, ...)", actual=shape)
        check_label_count(self, (shape[0], math.prod(shape[1:])), 1, label_shape)
        return [()]

    @staticmethod
    def _rows(bottoms: Sequence[Blob]) -> tuple[np.ndarray, np.ndarray]:
        """(N, classes) and (N,)."""
        x = bottoms[0].values.read(PLAIN)
        return x.reshape(len(x), -1), bottoms[1].values.read(PLAIN).reshape(-1)
