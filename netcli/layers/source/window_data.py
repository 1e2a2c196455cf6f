"""WindowData: windows cut from images and warped to a square, for detection, drawn from a window file.

No bottoms -> data: (batch_size, 3, crop_size, crop_size), labels: (batch_size,). Each batch begins with background
(label 0) and ends with ``floor(batch_size fg_fraction)`` windows of objects, all drawn with replacement.
Source: Caffe's window_data_layer; R. Girshick et al., Rich feature hierarchies for accurate object detection, 2014.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.registry import register
from netcli.layers.source.fed_layer import FedLayer
from netcli.runtime.blob import Shape

_MODES = ("warp", "square")


@register(
    "WindowData",
    v1="WINDOW_DATA",
    param="window_data_param",
    bottoms=0,
    tops=2,
    no_gradient="it makes data",
    reads=("transform_param",),
)
class WindowData(FedLayer):
    """Random windows of the window file."""

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """() -> (batch_size, 3, crop_size, crop_size), (batch_size,).

        Raises:
            ConfigError: NC120 without crop_size, NC121 for an unknown crop_mode, a fraction outside 0 to 1, or a
                context_pad that leaves nothing of the crop; besides those of ``FedLayer``.
        """
        settings, crop = self.param.window_data_param, self.param.transform_param.crop_size
        if not crop:
            raise self.error("NC120", "crop_size is missing", "transform_param", expected="at least 1")
        where = self.param_field or ""
        if settings.crop_mode not in _MODES:
            expected = " or ".join(_MODES)
            raise self.error(
                "NC121", "unknown crop_mode", where, "crop_mode", expected=expected, actual=settings.crop_mode
            )
        if not 0 <= settings.fg_fraction <= 1:
            raise self.error(
                "NC121", "fg_fraction is out of range", where, "fg_fraction", expected="0 to 1",
                actual=settings.fg_fraction,
            )  # fmt: skip
        if 2 * settings.context_pad >= crop:
            raise self.error(
                "NC121", "context_pad is out of range", where, "context_pad", expected=f"less than {crop} / 2",
                actual=settings.context_pad,
            )  # fmt: skip
        return super().setup(bottom_shapes)
