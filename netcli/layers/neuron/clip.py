"""Clip: values below ``min`` and above ``max`` become these.

    y = max(min, min(x, max));  dx = dy where min <= x <= max, else 0

x: any shape -> y: the same. Source: Caffe's clip_layer.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.neuron.activation import Activation
from netcli.layers.registry import register
from netcli.runtime.blob import Shape


@register("Clip", param="clip_param", in_place=True)
class Clip(Activation):
    function = "clip"
    backward_reads = "x"

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> the same. Raises ConfigError NC120 without bounds, NC121 for bounds in the wrong order."""
        settings = self.param.clip_param
        for bound in ("min", "max"):
            if not settings.HasField(bound):
                raise self.error("NC120", f"{bound} is missing", "clip_param", expected="min and max")
        if settings.min > settings.max:
            raise self.error(
                "NC121",
                "max is below min",
                "clip_param",
                "max",
                expected=f"at least {settings.min:g}",
                actual=f"{settings.max:g}",
            )
        self.numbers = self.real(settings.min), self.real(settings.max)
        return super().setup(bottom_shapes)
