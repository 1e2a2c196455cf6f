"""Convolution on the device as products of matrices, over windows that are written out (im2col).

For some images at once, as many as the memory for their windows allows, with columns for images and positions:

    columns[(c, t), (n, p)] = x[n, c, table[t, p]]
    rows[k, (n, p)] = dy[n, k, p]

    y = w columns,    dw += rows columns^T,    dx from w^T rows, by summing what stands for one input position

Source: Chellapilla et al., "High performance convolutional neural networks for document processing", 2006; Caffe.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netcli.layers.windows import Windows, inputs_by_tap, outputs_by_tap
from netcli.runtime.cuda.gemm import HAS_BIAS, Scratch
from netcli.runtime.cuda.kernel import blocks_for, cuda_kernel
from netcli.runtime.cuda.memory import DeviceArray, device_array
from netcli.runtime.cuda.products import multiply
from netcli.runtime.cuda.toolkit import cuda

MOST_COLUMNS = 2**26
"""Numbers in the columns of one step: 256 MiB."""

uint32 = np.uint32
float32 = np.float32


@cuda_kernel("f4*, i4*, f4*, u4, u4, u4, u4, u4, u4")
def gather_columns(x, table, columns, count, images, channels, taps, seen, made):  # type: ignore[no-untyped-def]
    """columns (channels, taps, images, made) from x (images, channels, seen), with 0 where ``table`` is -1."""
    at = uint32(cuda.grid(1))
    if at < count:
        row = uint32(at // uint32(images * made))
        column = uint32(at - uint32(row * uint32(images * made)))
        channel = uint32(row // taps)
        tap = uint32(row - uint32(channel * taps))
        image = uint32(column // made)
        source = table[uint32(uint32(tap * made) + uint32(column - uint32(image * made)))]
        value = float32(0)
        if source >= 0:
            value = x[uint32(uint32(uint32(uint32(image * channels) + channel) * seen) + uint32(source))]
        columns[at] = value


@cuda_kernel("f4*, i4*, f4*, f4*, u4, u4, u4, u4, u4, u4, u4")
def sum_columns(columns, table, bias, x, count, images, channels, taps, seen, made, mode):  # type: ignore[no-untyped-def]
    """x (images, channels, seen): the sums of columns (channels, taps, images, made) at ``table`` (taps, seen)."""
    at = uint32(cuda.grid(1))
    if at < count:
        row = uint32(at // seen)
        position = uint32(at - uint32(row * seen))
        image = uint32(row // channels)
        channel = uint32(row - uint32(image * channels))
        total = bias[channel] if mode & uint32(HAS_BIAS) else float32(0)
        for tap in range(taps):
            source = table[uint32(uint32(uint32(tap) * seen) + position)]
            if source >= 0:
                first = uint32(uint32(uint32(uint32(channel * taps) + uint32(tap)) * images + image) * made)
                total += columns[uint32(first + uint32(source))]
        x[at] = total


@cuda_kernel("f4*, f4*, f4*, u4, u4, u4, u4, u4")
def exchange_axes(source, bias, target, count, first, second, positions, mode):  # type: ignore[no-untyped-def]
    """target (second, first, positions) from source (first, second, positions), plus bias (first,)."""
    at = uint32(cuda.grid(1))
    if at < count:
        row = uint32(at // positions)
        i = uint32(row // first)
        j = uint32(row - uint32(i * first))
        value = source[
            uint32(uint32(uint32(uint32(j * second) + i) * positions) + uint32(at - uint32(row * positions)))
        ]
        target[at] = value + bias[j] if mode & uint32(HAS_BIAS) else value


class ColumnsProduct:
    """The product of one geometry; see ``OwnProduct`` for what its methods do."""

    def __init__(
        self, windows: Windows, channels: int, outputs: int, groups: int, scratch: Scratch, most: int = MOST_COLUMNS
    ) -> None:
        self._windows, self._channels, self._outputs, self._groups = windows, channels, outputs, groups
        self._scratch = scratch
        self._inputs = device_array(np.ascontiguousarray(inputs_by_tap(windows).T))
        self._outputs_seen = device_array(np.ascontiguousarray(outputs_by_tap(windows)[:, ::-1].T))
        self._step = max(1, most // (channels * windows.taps * windows.output_positions))

    def forward(
        self, images: int, x: DeviceArray, weights: DeviceArray, bias: DeviceArray | None, y: DeviceArray
    ) -> None:
        for number, x_part, y_part in self._parts(images, x, y):
            columns = self._columns(number, x_part)
            product = self._scratch("rows", y_part.size)
            for w, c, p in self._of_groups(weights, columns, product):
                multiply(w, c, p, self._shape(number), self._scratch)
            self._exchange(product, y_part, self._outputs, number, bias)

    def backward_data(
        self, images: int, dy: DeviceArray, weights: DeviceArray, bias: DeviceArray | None, dx: DeviceArray
    ) -> None:
        windows = self._windows
        for number, dx_part, dy_part in self._parts(images, dx, dy):
            rows, columns = self._rows(number, dy_part), self._columns_room(number)
            rows_of_weights, positions, depth = self._shape(number)
            for w, c, r in self._of_groups(weights, columns, rows):
                multiply(w, r, c, (depth, positions, rows_of_weights), self._scratch, a_transposed=True)
            sum_columns(
                blocks_for(dx_part.size), columns, self._outputs_seen, columns if bias is None else bias, dx_part,
                dx_part.size, number, self._channels, windows.taps, windows.input_positions, windows.output_positions,
                0 if bias is None else HAS_BIAS,
            )  # fmt: skip

    def backward_weights(self, images: int, x: DeviceArray, dy: DeviceArray, gradient: DeviceArray) -> None:
        for number, x_part, dy_part in self._parts(images, x, dy):
            columns, rows = self._columns(number, x_part), self._rows(number, dy_part)
            rows_of_weights, positions, depth = self._shape(number)
            for g, c, r in self._of_groups(gradient, columns, rows):
                multiply(
                    r, c, g, (rows_of_weights, depth, positions), self._scratch, b_transposed=True, accumulate=True
                )

    def _shape(self, images: int) -> tuple[int, int, int]:
        """Of a group: rows, columns and depth of the forward product."""
        depth = self._channels // self._groups * self._windows.taps
        return self._outputs // self._groups, images * self._windows.output_positions, depth

    def _parts(self, images: int, x: DeviceArray, y: DeviceArray) -> Iterator[tuple[int, DeviceArray, DeviceArray]]:
        """(number of images, their part of x, of y) for each step."""
        x_size, y_size = x.size // images, y.size // images
        for first in range(0, images, self._step):
            number = min(self._step, images - first)
            yield number, x.at(first * x_size, number * x_size), y.at(first * y_size, number * y_size)

    def _of_groups(self, *arrays: DeviceArray) -> Iterator[list[DeviceArray]]:
        """Each group's part of all arrays."""
        for group in range(self._groups):
            yield [a.at(group * (a.size // self._groups), a.size // self._groups) for a in arrays]

    def _columns_room(self, images: int) -> DeviceArray:
        windows = self._windows
        return self._scratch("columns", self._channels * windows.taps * images * windows.output_positions)

    def _columns(self, images: int, x: DeviceArray) -> DeviceArray:
        windows, columns = self._windows, self._columns_room(images)
        gather_columns(
            blocks_for(columns.size), x, self._inputs, columns, columns.size, images, self._channels, windows.taps,
            windows.input_positions, windows.output_positions,
        )  # fmt: skip
        return columns

    def _rows(self, images: int, dy: DeviceArray) -> DeviceArray:
        """dy with the outputs in front."""
        rows = self._scratch("rows", dy.size)
        self._exchange(dy, rows, images, self._outputs, None)
        return rows

    def _exchange(
        self, source: DeviceArray, target: DeviceArray, first: int, second: int, bias: DeviceArray | None
    ) -> None:
        exchange_axes(
            blocks_for(target.size), source, source if bias is None else bias, target, target.size, first, second,
            self._windows.output_positions, 0 if bias is None else HAS_BIAS,
        )  # fmt: skip
