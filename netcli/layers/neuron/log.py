"""Log: a logarithm of any base.

    y = log_base(shift + scale x);  dx = dy scale / ((shift + scale x) log(base))

base -1, the default, stands for e. x: any shape -> y: the same. What stands under the logarithm is told from y, so that
the gradient holds in place too, where Caffe's log_layer, the source, takes y for x.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.neuron.activation import Activation
from netcli.layers.neuron.logarithm import natural_log_of_base
from netcli.layers.registry import register
from netcli.runtime.blob import Shape


@register("Log", param="log_param", in_place=True)
class Log(Activation):
    function = "log"
    plain_only = True

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> the same. Raises ConfigError NC121 for a base that is not -1, nor positive, or is 1."""
        settings = self.param.log_param
        log_base = natural_log_of_base(self, "log_param", settings.base)
        if log_base == 0:
            raise self.error("NC121", "there is no logarithm of this base", "log_param", "base", actual=1)
        self.numbers = self.real(settings.scale), self.real(settings.shift), self.real(log_base)
        return super().setup(bottom_shapes)
