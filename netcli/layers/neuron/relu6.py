"""ReLU6: the rectified linear unit with a ceiling of 6, of MobileNet's forks.

    y = min(max(x, 0), 6);  dx = dy where 0 < x < 6, else 0

x: any shape -> y: the same. Source: Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcli.layers.neuron.activation import Activation
from netcli.layers.registry import register
from netcli.runtime.blob import Shape


@register("ReLU6", in_place=True, fork="MobileNet's forks")
class ReLU6(Activation):
    function = "relu6"

    def setup(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """(any shape) -> the same."""
        self.numbers = self.real(0), self.real(6)
        return super().setup(bottom_shapes)
