"""TanH: the hyperbolic tangent.

    y = tanh(x);  dx = dy (1 - y^2)

x: any shape -> y: the same. Source: Caffe's tanh_layer.
"""

from __future__ import annotations

from netcli.layers.neuron.activation import Activation
from netcli.layers.registry import register


@register("TanH", v1="TANH", param="tanh_param", in_place=True)
class TanH(Activation):
    function = "tanh"
