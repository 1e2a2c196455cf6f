"""Filter: lets the images through whose selector is not 0.

    y_i = the images n of x_i with s[n] != 0, in their order
    dx_i[n] = dy_i of the place that n came to, 0 for images that were left out

x_i: (N, ...), with s last: (N,) or (N, 1, ...) -> y_i: (M, ...) with M the number of selectors that are not 0. M is
known only by the data: until the first pass, and in ``show``, it is N. The gradient of s is 0.
Source: Caffe's filter_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.layer import Layer
from netcli.layers.registry import register
from netcli.runtime.blob import PLAIN, Blob, Shape


@register("Filter", bottoms=(2, None), tops=(1, None))
class Filter(Layer):
    _selected = np.zeros(0, np.intp)

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N, ...) each, and a selector (N,) or (N, 1, ...) -> (N, ...) each, as long as nothing is known of the data.

        Raises:
            ConfigError: NC103 unless there is one top for each bottom but the selector, NC122 for a selector of
                another shape, NC124 for another number of images.
        """
        *shapes, selector = bottom_shapes
        last = len(shapes)
        if len(self.param.top) != last:
            raise self.error(
                "NC103",
                "there must be one top for each bottom but the selector",
                expected=last,
                actual=len(self.param.top),
            )
        if not selector or any(size != 1 for size in selector[1:]):
            raise self.error(
                "NC122",
                "the selector must have one number for each image",
                "bottom",
                last,
                expected="(N,) or (N, 1, ...)",
                actual=selector,
            )
        for index, shape in enumerate(shapes):
            if shape[:1] != selector[:1]:
                raise self.error(
                    "NC124",
                    "the bottom must have as many images as the selector",
                    "bottom",
                    index,
                    expected=f"({selector[0]}, ...)",
                    actual=shape,
                )
        return shapes

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        self._selected = np.flatnonzero(bottoms[-1].values.read(PLAIN))
        for bottom, top in zip(bottoms[:-1], tops, strict=True):
            top.reshape((self._selected.size, *bottom.shape[1:]))
            np.take(bottom.values.read(PLAIN), self._selected, axis=0, out=top.values.write(PLAIN), mode="clip")

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        for bottom, wanted in zip(bottoms, propagate_down, strict=True):
            if wanted:
                bottom.gradients.write(PLAIN).fill(0)
        for top, bottom, wanted in zip(tops, bottoms[:-1], propagate_down[:-1], strict=True):
            if wanted:
                bottom.gradients.update(PLAIN)[self._selected] = top.gradients.read(PLAIN)
