"""Convolution over any number of spatial axes.

    y[n, k, o] = b[k] + sum over c, t of w[k, c, t] x[n, c, o stride - pad + t dilation]

with o and t having one index an axis, zero outside the input, and, with ``group`` g, c running over the
channels of k's group only.

x: (N, C, spatial...) -> y: (N, num_output, spatial'...), spatial' = (spatial + 2 pad - ((kernel - 1) dilation +
1)) // stride + 1; all axes before ``axis`` count as N. Parameters: weights (num_output, C / g, kernel...), bias
(num_output,) unless ``bias_term`` is false. Several bottoms of one shape each give a top by the same weights.
``engine: CAFFE`` has 3 x 3 windows summed as the equation stands; otherwise Winograd's algorithm takes over where it is
faster, with the same values up to rounding. On a GPU ``engine: CAFFE`` keeps the layer from cuDNN, where that is in
use. ``force_nd_im2col`` changes nothing here.

Source: Caffe's base_conv_layer and conv_layer; LeCun et al., "Gradient-based learning applied to document
recognition", Proc. IEEE 1998.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.convolution.geometry import channel_axis, check_groups, convolution_windows
from netcli.layers.convolution.windowed_product import WindowedProduct
from netcli.layers.layer import EQUAL_TO_BOTTOMS
from netcli.layers.registry import register
from netcli.runtime.blob import Shape


@register("Convolution", v1="CONVOLUTION", param="convolution_param", bottoms=(1, None), tops=EQUAL_TO_BOTTOMS)
class Convolution(WindowedProduct):
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
        windows = convolution_windows(self, shape[axis + 1 :])
        self._plan(
            axis=axis,
            windows=windows,
            channels=shape[axis],
            outputs=settings.num_output,
            groups=settings.group,
            weight_shape=(settings.num_output, shape[axis] // settings.group, *windows.kernel),
            settings=settings,
        )
        return [(*shape[:axis], settings.num_output, *windows.outputs)] * len(bottom_shapes)

    def scratch_sizes(self, bottom_shapes: Sequence[Shape], propagate_down: Sequence[bool]) -> dict[str, int]:
        return self._window_scratch(bottom_shapes, propagate_down)
