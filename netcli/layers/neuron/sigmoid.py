"""Sigmoid: the logistic function.

    y = 1 / (1 + e^-x);  dx = dy y (1 - y)

x: any shape -> y: the same. Source: Caffe's sigmoid_layer.
"""

from __future__ import annotations

from netcli.layers.neuron.activation import Activation
from netcli.layers.registry import register


@register("Sigmoid", v1="SIGMOID", param="sigmoid_param", in_place=True)
class Sigmoid(Activation):
    function = "sigmoid"
