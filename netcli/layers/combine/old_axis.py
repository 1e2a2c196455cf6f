"""The axis of Concat and Slice, which has an old name."""

from __future__ import annotations

from netcli.layers.layer import Layer


def axis_or_dim(layer: Layer, field: str, old: str, dimensions: int) -> int:
    """The ``axis`` of the layer's message ``field``, or its form ``old``, which knows no negative axes.

    Raises:
        ConfigError: NC123 for an axis out of range, NC126 if both are given.
    """
    settings = getattr(layer.param, field)
    if not settings.HasField(old):
        return layer.canonical_axis(settings.axis, dimensions, field, "axis")
    if settings.HasField("axis"):
        raise layer.error(
            "NC126", f"axis and {old} exclude each other", field, old, hint=f"{old} is the old form: leave it out"
        )
    axis: int = getattr(settings, old)
    if axis >= dimensions:
        raise layer.error("NC123", f"{old} is out of range", field, old, expected=f"0 to {dimensions - 1}", actual=axis)
    return axis
