"""Embed: a learned vector for each index; an inner product with one-hot vectors, without making them.

    y[..., k] = w[x[...], k] + b[k]
    dw[i, k] += sum of dy[..., k] over all places with x = i,  db[k] += sum of dy[..., k]

x: any shape, of indices from 0 to input_dim - 1 -> y: (shape of x, num_output). The indices get no gradient.
Blobs: weights (input_dim, num_output), bias (num_output,) unless ``bias_term`` is false. Source: Caffe's embed_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.indexing.indices import check_indices
from netcli.layers.layer import Layer, LayerContext
from netcli.layers.registry import register
from netcli.layers.workspace import Workspace
from netcli.prototxt import LayerSource
from netcli.runtime.blob import PLAIN, Blob, Shape


@register("Embed", param="embed_param", undifferentiable=(0,))
class Embed(Layer):
    def __init__(self, source: LayerSource, context: LayerContext) -> None:
        super().__init__(source, context)
        self._work = Workspace(context.dtype)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> (that, num_output). Raises ConfigError NC120 without num_output or input_dim."""
        settings = self.param.embed_param
        for name in ("num_output", "input_dim"):
            if getattr(settings, name) == 0:
                raise self.error(
                    "NC120", f"{name} is missing", "embed_param", name, expected="at least 1", actual="none or 0"
                )
        rows, outputs = settings.input_dim, settings.num_output
        self.declarations = [
            self.learnable((rows, outputs), settings.weight_filler, "embed_param", "weight_filler", "type")
        ]
        if settings.bias_term:
            self.declarations.append(
                self.learnable((outputs,), settings.bias_filler, "embed_param", "bias_filler", "type")
            )
        return [(*bottom_shapes[0], outputs)]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """Raises RunError NC151 for an index out of range."""
        settings = self.param.embed_param
        indices = bottoms[0].values.read(PLAIN).reshape(-1)
        check_indices(self, indices, settings.input_dim, "index")
        y = tops[0].values.write(PLAIN).reshape(indices.size, settings.num_output)
        self.kernels.take_rows(self.params[0].values.read(PLAIN), indices, y)
        if settings.bias_term:
            self.kernels.add_to_rows(self.params[1].values.read(PLAIN), y)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        settings = self.param.embed_param
        indices = bottoms[0].values.read(PLAIN).reshape(-1)
        dy = tops[0].gradients.read(PLAIN).reshape(indices.size, settings.num_output)
        self.kernels.add_rows(dy, indices, self.params[0].gradients.update(PLAIN))
        if settings.bias_term:
            total = self._work.scratch("bias", settings.num_output)
            np.sum(dy, axis=0, out=total)
            gradient = self.params[1].gradients.update(PLAIN)
            np.add(gradient, total, out=gradient)
