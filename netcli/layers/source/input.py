"""Input: blobs that the user writes, e.g. ``input_param { shape { dim: 1 dim: 3 dim: 224 dim: 224 } }``.

No bottoms; each top has the shape of its own, or the one shape that is given for all. forward leaves them as
they are. Source: Caffe's input_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.layer import Layer
from netcli.layers.registry import register
from netcli.layers.source.declared_shape import declared_shape, one_for_each_top, part_of_batch
from netcli.runtime.blob import Blob, Shape


@register("Input", param="input_param", bottoms=0, tops=(1, None), no_gradient="it makes data")
class Input(Layer):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """() -> the declared shapes, parts of them where the batch is divided.

        Raises:
            ConfigError: NC120 without a shape, NC121 for one that will not do.
        """
        shapes = self.param.input_param.shape
        one_for_each_top(self, len(shapes), "input_param", "shape")
        declared = [declared_shape(self, shape, "input_param", "shape", i) for i, shape in enumerate(shapes)]
        declared = [part_of_batch(self, shape) for shape in declared]
        return declared if len(declared) > 1 else declared * len(self.param.top)

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """Nothing to do: the values are the user's."""

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        """Nothing to do: there are no bottoms."""
