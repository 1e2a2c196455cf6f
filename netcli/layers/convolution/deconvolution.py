"""Deconvolution (transposed convolution) over any number of spatial axes.

    y[n, k, o stride - pad + t dilation] = b[k] + sum over o, t that meet there, and c, of w[c, k, t] x[n, c, o]

with o and t having one index an axis, and, with ``group`` g, c running over the channels of k's group only: the data
gradient of the Convolution with the same fields, whose input is y. In turn dx is that convolution of dy.

x: (N, C, spatial...) -> y: (N, num_output, spatial'...), spatial' = stride (spatial - 1) + (kernel - 1) dilation + 1 -
2 pad; all axes before ``axis`` count as N. Parameters: weights (C, num_output / g, kernel...), bias (num_output,)
unless ``bias_term`` is false. Several bottoms of one shape each give a top by the same weights.

Source: Caffe's deconv_layer; Long, Shelhamer, Darrell, "Fully convolutional networks for semantic segmentation",
CVPR 2015.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from netcli.layers.convolution.geometry import channel_axis, check_groups, transposed_windows
from netcli.layers.convolution.windowed_product import WindowedProduct
from netcli.layers.layer import EQUAL_TO_BOTTOMS
from netcli.layers.registry import register
from netcli.runtime.blob import Shape


@register("Deconvolution", v1="DECONVOLUTION", param="convolution_param", bottoms=(1, None), tops=EQUAL_TO_BOTTOMS)
class Deconvolution(WindowedProduct):
    transposed: ClassVar[bool] = True

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N..., C, spatial...) -> (N..., num_output, spatial'...) for each bottom.

        Raises:
            ConfigError: NC120 for a missing num_output or kernel, NC121 for values out of range, NC123 for the
                axis, NC124 for bottoms of different shapes, NC126 for fields that exclude each other.
        """
        settings = self.param.convolution_param
        shape = bottom_shapes[0]
        axis = channel_axis(self, bottom_shapes)
        self._check_num_output(settings.num_output, "convolution_param")
        check_groups(self, shape[axis], settings.num_output, settings.group)
        windows = transposed_windows(self, shape[axis + 1 :])
        self._plan(
            axis=axis,
            windows=windows,
            channels=settings.num_output,
            outputs=shape[axis],
            groups=settings.group,
            weight_shape=(shape[axis], settings.num_output // settings.group, *windows.kernel),
            settings=settings,
        )
        return [(*shape[:axis], settings.num_output, *windows.inputs)] * len(bottom_shapes)

    def scratch_sizes(self, bottom_shapes: Sequence[Shape], propagate_down: Sequence[bool]) -> dict[str, int]:
        return self._window_scratch(bottom_shapes, propagate_down)
