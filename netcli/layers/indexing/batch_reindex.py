"""BatchReindex: picks images by index; an image may be picked several times, or not at all.

    y[m] = x[i[m]]
    dx[n] = sum of dy[m] over all m with i[m] = n

x: (N, ...), i: (M,), of indices from 0 to N - 1 -> y: (M, ...). The indices get no gradient.
Source: Caffe's batch_reindex_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.indexing.indices import check_indices
from netcli.layers.layer import Layer
from netcli.layers.registry import register
from netcli.runtime.blob import PLAIN, Blob, Shape


@register("BatchReindex", bottoms=2, undifferentiable=(1,))
class BatchReindex(Layer):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N, ...), (M,) -> (M, ...). Raises ConfigError NC122 for bottoms with other axes."""
        shape, indices = bottom_shapes
        if not shape:
            raise self.error("NC122", "the bottom has no axes", "bottom", 0, expected="(N, ...)", actual=shape)
        if len(indices) != 1:
            raise self.error("NC122", "the indices must have one axis", "bottom", 1, expected="(M,)", actual=indices)
        return [(*indices, *shape[1:])]

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        """Raises RunError NC151 for an index out of range."""
        images = bottoms[0].shape[0]
        indices = bottoms[1].values.read(PLAIN)
        check_indices(self, indices, images, "index")
        x = bottoms[0].values.read(PLAIN).reshape(images, bottoms[0].count // max(images, 1))
        self.kernels.take_rows(x, indices, tops[0].values.write(PLAIN).reshape(indices.size, x.shape[1]))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        images = bottoms[0].shape[0]
        indices = bottoms[1].values.read(PLAIN)
        dx = bottoms[0].gradients.write(PLAIN).reshape(images, bottoms[0].count // max(images, 1))
        dx.fill(0)
        self.kernels.add_rows(tops[0].gradients.read(PLAIN).reshape(indices.size, dx.shape[1]), indices, dx)
