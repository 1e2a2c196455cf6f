"""What joins blobs or takes them apart, on a GPU."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from netcli.layers.combine import cuda_kernels as kernels
from netcli.layers.combine.axpy import Axpy
from netcli.layers.combine.concat import Concat
from netcli.layers.combine.eltwise import Eltwise
from netcli.layers.combine.slice import Slice
from netcli.layers.cuda_form import CudaForm, cuda_form
from netcli.layers.cuda_sum_kernels import PRODUCTS
from netcli.layers.cuda_sums import ChannelForm, channel_sums
from netcli.runtime.blob import CUDA, Blob, Shape
from netcli.runtime.cuda.kernel import blocks_for
from netcli.runtime.cuda.memory import DeviceArray
from netcli.schema import caffe_pb2 as pb

_Operation = pb.EltwiseParameter


@cuda_form("Eltwise")
class EltwiseOnCuda(CudaForm):
    layer: Eltwise

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        values = [bottom.values.read(CUDA) for bottom in bottoms]
        y, count = tops[0].values.write(CUDA), tops[0].count
        operation = self.layer.param.eltwise_param.operation
        if operation == _Operation.SUM:
            self._sum(values, y, count)
        elif operation == _Operation.PROD:
            self._product(values, y, count)
        else:
            left = values[0]
            for number, right in enumerate(values[1:], start=1):
                kernels.larger(blocks_for(count), left, right, number, y, self._chosen(count), count)
                left = y

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        operation = self.layer.param.eltwise_param.operation
        dy, count = tops[0].gradients.read(CUDA), tops[0].count
        for index, (bottom, wanted) in enumerate(zip(bottoms, propagate_down, strict=True)):
            if not wanted:
                continue
            dx = bottom.gradients.write(CUDA)
            if operation == _Operation.SUM:
                kernels.scaled(blocks_for(count), dy, self.layer.coefficients[index], dx, count)
            elif operation == _Operation.PROD:
                others = [other for position, other in enumerate(bottoms) if position != index]
                self._product([dy, *(other.values.read(CUDA) for other in others)], dx, count)
            else:
                kernels.chosen_gradient(blocks_for(count), dy, self._chosen(count), index, dx, count)

    def _sum(self, values: Sequence[DeviceArray], y: DeviceArray, count: int) -> None:
        coefficients = self.layer.coefficients
        left, scale = values[0], float(coefficients[0])
        for right, coefficient in zip(values[1:], coefficients[1:], strict=True):
            kernels.weighted_sum(blocks_for(count), left, scale, right, coefficient, y, count)
            left, scale = y, 1.0

    @staticmethod
    def _product(values: Sequence[DeviceArray], y: DeviceArray, count: int) -> None:
        left = values[0]
        for right in values[1:]:
            kernels.multiply(blocks_for(count), left, right, y, count)
            left = y

    def _chosen(self, count: int) -> DeviceArray:
        """Which bottom each element came from; MAX writes it forward."""
        return self.scratch("chosen", count, np.int32)


class _Parts(CudaForm):
    """One blob on one side, its parts along an axis on the other: each part is a copy of rows."""

    def _rows(self, whole: Shape, parts: Sequence[Shape], axis: int) -> Iterator[tuple[int, int, int, int]]:
        """For each part: elements, elements of a row, and where its rows begin in the whole's, which follow one another
        at the distance that comes last.
        """
        pitch, first = math.prod(whole[axis:]), 0
        for shape in parts:
            length = math.prod(shape[axis:])
            yield math.prod(shape), length, first, pitch
            first += length


@cuda_form("Concat")
class ConcatOnCuda(_Parts):
    layer: Concat

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        y = tops[0].values.write(CUDA)
        rows = self._rows(tops[0].shape, [bottom.shape for bottom in bottoms], self.layer.axis)
        for bottom, (count, length, first, pitch) in zip(bottoms, rows, strict=True):
            x = bottom.values.read(CUDA)
            kernels.copy_rows(blocks_for(count), x, y.at(first), count, length, length, pitch)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        dy = tops[0].gradients.read(CUDA)
        rows = self._rows(tops[0].shape, [bottom.shape for bottom in bottoms], self.layer.axis)
        for bottom, wanted, (count, length, first, pitch) in zip(bottoms, propagate_down, rows, strict=True):
            if wanted:
                dx = bottom.gradients.write(CUDA)
                kernels.copy_rows(blocks_for(count), dy.at(first), dx, count, length, pitch, length)


@cuda_form("Slice")
class SliceOnCuda(_Parts):
    layer: Slice

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        x = bottoms[0].values.read(CUDA)
        rows = self._rows(bottoms[0].shape, [top.shape for top in tops], self.layer.axis)
        for top, (count, length, first, pitch) in zip(tops, rows, strict=True):
            y = top.values.write(CUDA)
            kernels.copy_rows(blocks_for(count), x.at(first), y, count, length, pitch, length)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        dx = bottoms[0].gradients.write(CUDA)
        rows = self._rows(bottoms[0].shape, [top.shape for top in tops], self.layer.axis)
        for top, (count, length, first, pitch) in zip(tops, rows, strict=True):
            dy = top.gradients.read(CUDA)
            kernels.copy_rows(blocks_for(count), dy, dx.at(first), count, length, length, pitch)


@cuda_form("Axpy")
class AxpyOnCuda(CudaForm):
    layer: Axpy

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        factors, x, added = (bottom.values.read(CUDA) for bottom in bottoms)
        count, positions = self._sizes(bottoms)
        kernels.scale_and_add(blocks_for(count), factors, x, added, tops[0].values.write(CUDA), count, positions)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        dy = tops[0].gradients.read(CUDA)
        count, positions = self._sizes(bottoms)
        if propagate_down[0]:
            x, sums = bottoms[1].values.read(CUDA), bottoms[0].gradients.write(CUDA)
            channel_sums(self, PRODUCTS, x, ChannelForm.rows(bottoms[0].count, positions), sums, b=dy)
        if propagate_down[1]:
            factors, dx = bottoms[0].values.read(CUDA), bottoms[1].gradients.write(CUDA)
            kernels.scale_rows(blocks_for(count), factors, dy, dx, count, positions)
        if propagate_down[2]:
            bottoms[2].gradients.write(CUDA).copy_from(dy)

    @staticmethod
    def _sizes(bottoms: Sequence[Blob]) -> tuple[int, int]:
        """Elements, and those that share a factor."""
        return bottoms[1].count, bottoms[1].count // bottoms[0].count
