"""CPU kernels of inner products: those of a convolution whose one window is the whole input."""

from netcli.layers.convolution.cpu import (
    OUTPUT_BLOCK,
    add_bias_gradient,
    add_weight_gradient,
    multiply_windows,
    pack_weights,
)

__all__ = ["OUTPUT_BLOCK", "add_bias_gradient", "add_weight_gradient", "multiply_windows", "pack_weights"]
