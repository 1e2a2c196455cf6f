"""Convolution on the device by cuDNN, and by netcli's own kernels where cuDNN has no way that suits."""

from __future__ import annotations

from netcli.layers.convolution.cuda.bias import add_to_channels
from netcli.layers.convolution.cuda.own import OwnProduct
from netcli.layers.windows import Windows
from netcli.runtime.cuda.cudnn import Convolution, ConvolutionShape
from netcli.runtime.cuda.gemm import Scratch
from netcli.runtime.cuda.kernel import blocks_for
from netcli.runtime.cuda.memory import DeviceArray

_LEAST_AXES = 2


class DnnProduct:
    """The product of one geometry; see ``OwnProduct`` for what its methods do."""

    def __init__(self, windows: Windows, channels: int, outputs: int, groups: int, scratch: Scratch) -> None:
        self._geometry = (windows, channels, outputs, groups)
        self._own = OwnProduct(windows, channels, outputs, groups, scratch)
        self._convolutions: dict[int, Convolution] = {}

    def forward(
        self, images: int, x: DeviceArray, weights: DeviceArray, bias: DeviceArray | None, y: DeviceArray
    ) -> None:
        if self._convolution(images).forward(x, weights, y):
            windows, _, outputs, _ = self._geometry
            self._add(bias, y, outputs, windows.output_positions)
        else:
            self._own.forward(images, x, weights, bias, y)

    def backward_data(
        self, images: int, dy: DeviceArray, weights: DeviceArray, bias: DeviceArray | None, dx: DeviceArray
    ) -> None:
        if self._convolution(images).backward_data(dy, weights, dx):
            windows, channels, _, _ = self._geometry
            self._add(bias, dx, channels, windows.input_positions)
        else:
            self._own.backward_data(images, dy, weights, bias, dx)

    def backward_weights(self, images: int, x: DeviceArray, dy: DeviceArray, gradient: DeviceArray) -> None:
        if not self._convolution(images).backward_weights(x, dy, gradient):
            self._own.backward_weights(images, x, dy, gradient)

    def _convolution(self, images: int) -> Convolution:
        if images not in self._convolutions:
            self._convolutions[images] = Convolution(convolution_shape(*self._geometry, images))
        return self._convolutions[images]

    @staticmethod
    def _add(bias: DeviceArray | None, out: DeviceArray, channels: int, positions: int) -> None:
        if bias is not None:
            add_to_channels(blocks_for(out.size), bias, out, out.size, channels, positions)


def convolution_shape(windows: Windows, channels: int, outputs: int, groups: int, images: int) -> ConvolutionShape:
    """The geometry as cuDNN takes it, with axes of size 1 in front where there are fewer than two."""
    more = max(0, _LEAST_AXES - len(windows.inputs))
    ones = (1,) * more
    return ConvolutionShape(
        x=(images, channels, *ones, *windows.inputs),
        weights=(outputs, channels // groups, *ones, *windows.kernel),
        y=(images, outputs, *ones, *windows.outputs),
        pad=(0,) * more + windows.pad,
        stride=ones + windows.stride,
        dilation=ones + windows.dilation,
        groups=groups,
    )
