"""CPU kernels of inner products: those of a convolution whose one window is the whole input."""

from netcli.layers.convolution.cpu import (
    add_bias_gradient,
    add_weight_gradient,
    multiply_windows,
    pack_weights,
    packed_shape,
)

__all__ = [
    "add_bias_gradient",
    "add_weight_gradient",
    "multiply_windows",
    "pack_weights",
    "packed_shape",
]
