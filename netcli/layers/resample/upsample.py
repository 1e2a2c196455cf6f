"""Upsample: repeats each pixel ``scale`` times along height and width.

    y[h, w] = x[h // scale, w // scale]
    dx = the sum of dy over the repetitions

x: (N, C, H, W) -> y: (N, C, scale H, scale W). Fork: the conversions of YOLO (ChenYingpeng/caffe-yolov3). SegNet's
layer of the same name takes a mask as second bottom and puts values where a pooling took them from: it is not
supported.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.registry import register
from netcli.layers.resample.resampling import Resampling
from netcli.layers.resample.weights import AxisWeights, nearest
from netcli.runtime.blob import Shape


@register(
    "Upsample", param="upsample_param", bottoms=(1, 2), fork="the conversions of YOLO (ChenYingpeng/caffe-yolov3)"
)
class Upsample(Resampling):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N, C, H, W) -> (N, C, scale H, scale W).

        Raises:
            ConfigError: NC102 for a second bottom, NC121 for a scale below 1, NC122 for a bottom without 4 axes.
        """
        shape = bottom_shapes[0]
        if len(bottom_shapes) > 1:
            raise self.error(
                "NC102",
                "upsampling by a mask is not supported",
                "bottom",
                1,
                expected="1 bottom",
                actual="2 bottoms",
                hint="the second bottom is that of SegNet's fork (alexgkendall/caffe-segnet)",
            )
        self._check_image(shape)
        scale = self._scale = self.param.upsample_param.scale
        if scale < 1:
            raise self.error(
                "NC121", "scale is out of range", "upsample_param", "scale", expected="at least 1", actual=scale
            )
        top = (*shape[:2], shape[2] * scale, shape[3] * scale)
        self._plan(shape, top)
        return [top]

    def _axis_weights(self, inputs: int, outputs: int) -> AxisWeights:
        return nearest(inputs, self._scale)
