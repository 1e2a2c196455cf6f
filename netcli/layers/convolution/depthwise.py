"""Depthwise convolution: a Convolution in which every channel is a group of its own.

    y[n, c, o] = b[c] + sum over t of w[c, 0, t] x[n, c, o stride - pad + t dilation]

x: (N, C, spatial...) -> y: (N, C, spatial'...), see Convolution. Parameters: weights (C, 1, kernel...), bias (C,)
unless ``bias_term`` is false. ``group`` and ``num_output`` may be left out; given, they have to be C.

Two forks have it: ``ConvolutionDepthwise`` (farmingyard/ShuffleNet), which does not look at these two fields, and
``DepthwiseConvolution`` (yonghenglh6/DepthwiseConvolution). Howard et al., "MobileNets", 2017.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.convolution.geometry import channel_axis, convolution_windows
from netcli.layers.convolution.windowed_product import WindowedProduct
from netcli.layers.layer import EQUAL_TO_BOTTOMS
from netcli.layers.registry import register
from netcli.runtime.blob import Shape


class Depthwise(WindowedProduct):
    """Both types."""

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N..., C, spatial...) -> (N..., C, spatial'...) for each bottom.

        Raises:
            ConfigError: NC120 for a missing kernel, NC121 for values out of range, NC123 for the axis, NC124 for
                bottoms of different shapes, NC126 for fields that exclude each other.
        """
        settings = self.param.convolution_param
        shape = bottom_shapes[0]
        axis = channel_axis(self, bottom_shapes)
        channels = shape[axis]
        for name in ("num_output", "group"):
            if settings.HasField(name) and getattr(settings, name) != channels:
                raise self.error(
                    "NC121",
                    f"{name} must be the number of channels",
                    "convolution_param",
                    name,
                    expected=f"{channels}, or nothing",
                    actual=getattr(settings, name),
                    hint="the type Convolution takes any group and num_output",
                )
        windows = convolution_windows(self, shape[axis + 1 :])
        self._plan(
            axis=axis,
            windows=windows,
            channels=channels,
            outputs=channels,
            groups=channels,
            weight_shape=(channels, 1, *windows.kernel),
            settings=settings,
        )
        return [(*shape[: axis + 1], *windows.outputs)] * len(bottom_shapes)

    def scratch_sizes(self, bottom_shapes: Sequence[Shape], propagate_down: Sequence[bool]) -> dict[str, int]:
        return self._window_scratch(bottom_shapes, propagate_down)


@register(
    "ConvolutionDepthwise",
    param="convolution_param",
    bottoms=(1, None),
    tops=EQUAL_TO_BOTTOMS,
    fork="ShuffleNet (farmingyard/ShuffleNet)",
)
class ConvolutionDepthwise(Depthwise):
    """farmingyard's name."""


@register(
    "DepthwiseConvolution",
    param="convolution_param",
    bottoms=(1, None),
    tops=EQUAL_TO_BOTTOMS,
    fork="yonghenglh6/DepthwiseConvolution",
)
class DepthwiseConvolution(Depthwise):
    """yonghenglh6's name."""
