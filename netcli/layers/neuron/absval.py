"""AbsVal: the absolute value.

    y = |x|;  dx = dy sign(x),  0 at 0

x: any shape -> y: the same. As in Caffe it cannot work in place. Source: Caffe's absval_layer.
"""

from __future__ import annotations

from netcli.layers.neuron.activation import Activation
from netcli.layers.registry import register


@register("AbsVal", v1="ABSVAL")
class AbsVal(Activation):
    function = "absval"
    backward_reads = "x"
