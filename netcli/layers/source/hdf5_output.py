"""HDF5Output: writes its two bottoms to the datasets ``data`` and ``label`` of an HDF5 file.

data, labels: (N, ...) each -> nothing. Each is stored as (num, channels, height, width), whatever its own number of
axes up to four. Batches follow each other along the first axis; the first one replaces a file that was there.
Source: Caffe's hdf5_output_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.feeding import Sink
from netcli.layers.layer import Layer
from netcli.layers.registry import register
from netcli.runtime.blob import PLAIN, Blob, Shape


@register(
    "HDF5Output",
    v1="HDF5_OUTPUT",
    param="hdf5_output_param",
    bottoms=2,
    tops=0,
    undifferentiable=(0, 1),
    no_gradient="it writes a file",
)
class HDF5Output(Layer):
    _sink: Sink | None = None

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N, ...), (N, ...) -> (). Raises ConfigError NC120 without a file_name, NC124 for unequal batches."""
        if not self.param.hdf5_output_param.file_name:
            raise self.error("NC120", "file_name is missing", "hdf5_output_param", expected="the file to write")
        data, labels = (shape[:1] for shape in bottom_shapes)
        if data != labels:
            raise self.error("NC124", "data and labels have batches of unequal size", expected=data, actual=labels)
        return []

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """Raises RunError (NC2xx) where the file cannot be written."""
        if self._sink is None:
            self._sink = self.context.feeds.open_sink(self.param)
        self._sink.write([_as_stored(bottom.values.read(PLAIN)) for bottom in bottoms])

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        """Nothing to do: the file is the end of the net."""

    def close(self) -> None:
        """Lets go of the file; the next forward pass would begin a new one."""
        if self._sink is not None:
            self._sink.close()
            self._sink = None


def _as_stored(array: np.ndarray) -> np.ndarray:
    """With the four axes of an old blob; an array that has more keeps its own."""
    return array.reshape(array.shape + (1,) * (4 - array.ndim))
