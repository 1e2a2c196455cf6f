"""The base of Exp and Log."""

from __future__ import annotations

import math

from netcli.layers.layer import Layer


def natural_log_of_base(layer: Layer, field: str, base: float) -> float:
    """log(base), 1 for Caffe's -1. Raises ConfigError NC121 for other bases that are not positive."""
    if base == -1:
        return 1.0
    if not 0 < base < math.inf:
        raise layer.error(
            "NC121", "the base is out of range", field, "base", expected="above 0, or -1 for e", actual=f"{base:g}"
        )
    return math.log(base)
