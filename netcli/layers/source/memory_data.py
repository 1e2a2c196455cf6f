"""MemoryData: batches of images and labels from arrays in memory.

No bottoms -> data: (batch_size, channels, height, width), labels: (batch_size,). The arrays are handed over by
``reset``, in pycaffe ``net.set_input_arrays(data, labels)``; each pass gives the next batch, and the first one
again after the last. ``transform_param`` has no effect on them. Source: Caffe's memory_data_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from netcli.layers.layer import Layer
from netcli.layers.registry import register
from netcli.runtime.blob import PLAIN, Blob, Shape

_SIZES = ("batch_size", "channels", "height", "width")


@register("MemoryData", v1="MEMORY_DATA", param="memory_data_param", bottoms=0, tops=2, no_gradient="it makes data")
class MemoryData(Layer):
    _data: np.ndarray | None = None
    _labels: np.ndarray | None = None
    _position = 0

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """() -> (batch_size, channels, height, width), (batch_size,). Raises ConfigError NC120, NC121."""
        settings = self.param.memory_data_param
        for name in _SIZES:
            if not settings.HasField(name):
                raise self.error("NC120", f"{name} is missing", "memory_data_param", expected="at least 1")
            if getattr(settings, name) < 1:
                raise self.error(
                    "NC121", f"{name} is out of range", "memory_data_param", name, expected="at least 1", actual=0
                )
        shape = tuple(getattr(settings, name) for name in _SIZES)
        return [shape, shape[:1]]

    def reset(self, data: ArrayLike, labels: ArrayLike) -> None:
        """What the layer gives from now on, beginning with the first item.

        float32 arrays in C order are not copied: what is written into them later is seen.

        Args:
            data: (items, channels, height, width).
            labels: one number for each item, in any shape.

        Raises:
            RunError: NC586 if the shapes do not fit the layer or each other, or ``items`` is no multiple of the
                batch size.
        """
        settings = self.param.memory_data_param
        images = np.ascontiguousarray(data, np.float32)
        numbers = np.ascontiguousarray(labels, np.float32).reshape(-1)
        item = tuple(getattr(settings, name) for name in _SIZES[1:])
        if images.ndim != 4 or images.shape[1:] != item:
            expected = f"(items, {', '.join(map(str, item))})"
            raise self.run_error("NC586", "the data do not fit the layer", expected=expected, actual=images.shape)
        if len(numbers) != len(images):
            raise self.run_error(
                "NC586", "not one label for each item", expected=f"{len(images)} labels", actual=len(numbers)
            )
        if not len(images) or len(images) % settings.batch_size:
            raise self.run_error(
                "NC586",
                "the items do not make whole batches",
                expected=f"a multiple of {settings.batch_size}",
                actual=len(images),
            )
        self._data, self._labels, self._position = images, numbers, 0

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """Raises RunError NC542 before the first ``reset``."""
        if self._data is None or self._labels is None:
            raise self.run_error(
                "NC542", "no data to give", hint="hand them over with net.set_input_arrays(data, labels) in pycaffe"
            )
        batch = slice(self._position, self._position + tops[0].shape[0])
        tops[0].values.write(PLAIN)[...] = self._data[batch]
        tops[1].values.write(PLAIN)[...] = self._labels[batch]
        self._position = batch.stop % len(self._data)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        """Nothing to do: there are no bottoms."""
