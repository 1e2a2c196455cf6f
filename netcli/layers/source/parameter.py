"""Parameter: a learnable blob as a blob of the net.

    y = w;  dw += dy

No bottoms; w and y have the shape of ``parameter_param``. w starts at 0, since the message has no filler: weights are
loaded, or the blob is shared with a layer that fills it. The top shares the parameter's array.
Source: Caffe's parameter_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer, ParameterDeclaration
from netcli.layers.registry import register
from netcli.layers.source.declared_shape import declared_shape
from netcli.runtime.blob import PLAIN, Blob, Shape
from netcli.schema import caffe_pb2 as pb


@register("Parameter", param="parameter_param", bottoms=0)
class Parameter(Layer):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """() -> the declared shape. Raises ConfigError NC120 without a shape, NC121 for one that will not do."""
        settings = self.param.parameter_param
        if not settings.HasField("shape"):
            raise self.error("NC120", "parameter_param.shape is missing", "parameter_param")
        shape = declared_shape(self, settings.shape, "parameter_param", "shape")
        self.declarations = [ParameterDeclaration(shape, pb.FillerParameter())]
        return [shape]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        tops[0].values = self.params[0].values

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        gradient = self.params[0].gradients.update(PLAIN)
        np.add(gradient, tops[0].gradients.read(PLAIN), out=gradient)
