"""Exp: an exponential function of any base.

    y = base^(shift + scale x);  dx = dy y scale log(base)

base -1, the default, stands for e. x: any shape -> y: the same. Source: Caffe's exp_layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.neuron.activation import Activation
from netcli.layers.neuron.logarithm import natural_log_of_base
from netcli.layers.registry import register
from netcli.runtime.blob import Shape


@register("Exp", v1="EXP", param="exp_param", in_place=True)
class Exp(Activation):
    plain_only = True

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> the same.

        Raises:
            ConfigError: NC121 for a base that is neither -1 nor positive, or whose power ``shift`` is out of range.
        """
        settings = self.param.exp_param
        log_base = natural_log_of_base(self, "exp_param", settings.base)
        self._inner = self.real(log_base * settings.scale)
        try:
            self._outer = self.real(math.exp(log_base * settings.shift))
        except OverflowError:
            raise self.error(
                "NC121", "base to the power of shift is out of range", "exp_param", "shift", expected="less than 1e308",
                actual=f"{settings.base:g} to the power of {settings.shift:g}",
            ) from None  # fmt: skip
        return super().setup(bottom_shapes)

    def _apply(self, x: np.ndarray, y: np.ndarray) -> None:
        self.kernels.exp_forward(x, self._inner, self._outer, y)

    def _differentiate(self, values: np.ndarray, dy: np.ndarray, dx: np.ndarray) -> None:
        self.kernels.exp_backward(values, dy, self._inner, dx)
