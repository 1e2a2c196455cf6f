"""Interp: bilinear interpolation to another height and width, with the corners on the corners.

    y[h, w] = the bilinear interpolation of x at (h (H - 1) / (H' - 1), w (W - 1) / (W' - 1))

and at 0 along an axis whose new size is 1. H and W are the sizes after ``pad_beg`` and ``pad_end`` (at most 0) have
cut rows and columns off at the beginning and at the end. dx is the transposed sum.

x: (N, C, H, W) -> y: (N, C, H', W'), with the new size, in this order, from a second bottom (its last two axes; its
gradient is 0), from ``shrink_factor`` s alone ((size - 1) // s + 1), from ``zoom_factor`` z alone (size + (size - 1)
(z - 1)), from ``height`` and ``width``, or from both factors, shrinking first.

Fork: DeepLab (Chen et al., "DeepLab", 2016) and PSPNet.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.registry import register
from netcli.layers.resample.resampling import Resampling
from netcli.layers.resample.weights import AxisWeights, linear
from netcli.runtime.blob import Shape

_FIELD = "interp_param"
_SIZE_FIELDS = ("height", "width", "zoom_factor", "shrink_factor")


@register("Interp", param=_FIELD, bottoms=(1, 2), fork="DeepLab and PSPNet")
class Interp(Resampling):
    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(N, C, H, W) and perhaps (..., H', W') -> (N, C, H', W').

        Raises:
            ConfigError: NC120 if nothing tells the size, NC121 for values out of range, NC122 for a bottom of other
                axes, NC126 for a size beside a second bottom.
        """
        shape = bottom_shapes[0]
        self._check_image(shape)
        settings = self.param.interp_param
        for name in ("pad_beg", "pad_end"):
            if getattr(settings, name) > 0:
                raise self.error(
                    "NC121",
                    f"{name} is out of range",
                    _FIELD,
                    name,
                    expected="at most 0",
                    actual=getattr(settings, name),
                )
        cut = settings.pad_beg + settings.pad_end
        for size in shape[2:]:
            if size + cut < 1:
                raise self.error(
                    "NC121",
                    "nothing is left between pad_beg and pad_end",
                    _FIELD,
                    "pad_beg" if settings.HasField("pad_beg") else "pad_end",
                    expected=f"a sum above {-size}",
                    actual=cut,
                )
        height, width = (size + cut for size in shape[2:])
        top = (*shape[:2], *self._new_size(height, width, bottom_shapes))
        self._plan(shape, top)
        return [top]

    def _axis_weights(self, inputs: int, outputs: int) -> AxisWeights:
        settings = self.param.interp_param
        used = inputs + settings.pad_beg + settings.pad_end
        return linear(inputs, outputs, -settings.pad_beg, used)

    def _new_size(self, height: int, width: int, bottom_shapes: Sequence[Shape]) -> tuple[int, int]:
        settings = self.param.interp_param
        given = [name for name in _SIZE_FIELDS if settings.HasField(name)]
        for name in given:
            if getattr(settings, name) < 1:
                raise self.error(
                    "NC121",
                    f"{name} is out of range",
                    _FIELD,
                    name,
                    expected="at least 1",
                    actual=getattr(settings, name),
                )
        if len(bottom_shapes) > 1:
            if given:
                raise self.error("NC126", f"{given[0]} and a second bottom exclude each other", _FIELD, given[0])
            if len(bottom_shapes[1]) < 2:
                raise self.error(
                    "NC122",
                    "the second bottom has no height and width",
                    "bottom",
                    1,
                    expected="(..., H, W)",
                    actual=bottom_shapes[1],
                )
            return bottom_shapes[1][-2], bottom_shapes[1][-1]
        has_size = "height" in given and "width" in given
        shrinks, zooms = "shrink_factor" in given, "zoom_factor" in given
        if has_size and shrinks == zooms:
            return settings.height, settings.width
        if not (shrinks or zooms):
            raise self.error(
                "NC120", "the new size is missing", _FIELD, hint="give height and width, zoom_factor or shrink_factor"
            )
        height, width = ((size - 1) // settings.shrink_factor + 1 for size in (height, width))
        height, width = (size + (size - 1) * (settings.zoom_factor - 1) for size in (height, width))
        return height, width
