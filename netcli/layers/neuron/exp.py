"""Exp: an exponential function of any base.

    y = base^(shift + scale x);  dx = dy y scale log(base)

base -1, the default, stands for e. x: any shape -> y: the same. Source: Caffe's exp_layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from netcli.layers.neuron.activation import Activation
from netcli.layers.neuron.logarithm import natural_log_of_base
from netcli.layers.registry import register
from netcli.runtime.blob import Shape


@register("Exp", v1="EXP", param="exp_param", in_place=True)
class Exp(Activation):
    function = "exp"
    plain_only = True

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> the same.

        Raises:
            ConfigError: NC121 for a base that is neither -1 nor positive, or whose power ``shift`` is out of range.
        """
        settings = self.param.exp_param
        log_base = natural_log_of_base(self, "exp_param", settings.base)
        try:
            outer = math.exp(log_base * settings.shift)
        except OverflowError:
            raise self.error(
                "NC121", "base to the power of shift is out of range", "exp_param", "shift", expected="less than 1e308",
                actual=f"{settings.base:g} to the power of {settings.shift:g}",
            ) from None  # fmt: skip
        self.numbers = self.real(log_base * settings.scale), self.real(outer)
        return super().setup(bottom_shapes)
