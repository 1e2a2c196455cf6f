"""BNLL: the binomial normal log likelihood, also called softplus.

    y = log(1 + e^x);  dx = dy e^x / (1 + e^x) = dy (1 - e^-y)

x: any shape -> y: the same. The derivative is told from y, so that it holds in place too, where Caffe's bnll_layer,
the source, takes y for x.
"""

from __future__ import annotations

from netcli.layers.neuron.activation import Activation
from netcli.layers.registry import register


@register("BNLL", v1="BNLL", in_place=True)
class BNLL(Activation):
    function = "bnll"
