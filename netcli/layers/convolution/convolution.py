"""Convolution over any number of spatial axes.

    y[n, k, o] = b[k] + sum over c, t of w[k, c, t] x[n, c, o stride - pad + t dilation]

with o and t having one index an axis, zero outside the input, and, with ``group`` g, c running over the
channels of k's group only.

x: (N, C, spatial...) -> y: (N, num_output, spatial'...), spatial' = (spatial + 2 pad - ((kernel - 1) dilation +
1)) // stride + 1; all axes before ``axis`` count as N. Parameters: weights (num_output, C / g, kernel...), bias
(num_output,) unless ``bias_term`` is false. Several bottoms of one shape each give a top by the same weights.
``engine`` and ``force_nd_im2col`` choose between Caffe's implementations and change nothing here.

Source: Caffe's base_conv_layer and conv_layer; LeCun et al., "Gradient-based learning applied to document
recognition", Proc. IEEE 1998.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.convolution.geometry import convolution_windows
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
        for index, other in enumerate(bottom_shapes):
            if other != shape:
                raise self.error(
                    "NC124", "all bottoms must have one shape", "bottom", index, expected=shape, actual=other
                )
        axis = self.canonical_axis(settings.axis, len(shape), "convolution_param", "axis")
        self._check_num_output(settings.num_output, "convolution_param")
        self._check_groups(shape[axis], settings.num_output, settings.group)
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

    def _check_groups(self, channels: int, outputs: int, groups: int) -> None:
        if groups == 0:
            raise self.error("NC121", "group is 0", "convolution_param", "group", expected="at least 1", actual=0)
        for count, name in ((channels, "channels of the bottom"), (outputs, "num_output")):
            if count % groups:
                raise self.error(
                    "NC121",
                    f"group does not divide the {name}",
                    "convolution_param",
                    "group",
                    expected=f"a divisor of {count}",
                    actual=groups,
                )
