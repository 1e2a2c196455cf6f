"""Pooling on a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.cuda_form import CudaForm, cuda_form
from netcli.layers.pooling import cuda_kernels as kernels
from netcli.layers.pooling.pooling import Pooling
from netcli.runtime.blob import CUDA, Blob
from netcli.runtime.cuda.changing import ChangingNumbers
from netcli.runtime.cuda.kernel import blocks_for
from netcli.runtime.cuda.memory import DeviceArray
from netcli.schema import caffe_pb2 as pb

_Method = pb.PoolingParameter
_LOWEST = float(np.finfo(np.float32).min)
_SMALLEST = float(np.finfo(np.float32).tiny)
_UNIT = 2.0**-24


@cuda_form("Pooling")
class PoolingOnCuda(CudaForm):
    layer: Pooling

    def prepare(self) -> None:
        if self._draws():
            key = int(self.layer.pass_key())
            self._key().set(key & 0xFFFF_FFFF, key >> 32)

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        count, x, y = tops[0].count, bottoms[0].values.read(CUDA), tops[0].values.write(CUDA)
        blocks, geometry = blocks_for(count), (count, *self._geometry())
        method = self.layer.param.pooling_param.pool
        if method == _Method.AVE:
            kernels.average_forward(blocks, x, y, *geometry)
        elif method == _Method.MAX:
            has_mask = len(tops) > 1
            mask = tops[1].values.write(CUDA) if has_mask else y
            kernels.max_forward(blocks, x, y, self._chosen(count), mask, int(has_mask), _LOWEST, *geometry)
        elif self._draws():
            kernels.drawn_forward(blocks, x, y, self._chosen(count), self._key().array, _UNIT, *geometry)
        else:
            kernels.expected_forward(blocks, x, y, self.scratch("sums", count), _SMALLEST, *geometry)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        count, dy, dx = bottoms[0].count, tops[0].gradients.read(CUDA), bottoms[0].gradients.write(CUDA)
        blocks, geometry = blocks_for(count), (count, *self._geometry())
        method = self.layer.param.pooling_param.pool
        if method == _Method.AVE:
            kernels.average_backward(blocks, dy, dx, *geometry)
        elif method == _Method.MAX or self._draws():
            kernels.max_backward(blocks, dy, self._chosen(tops[0].count), dx, *geometry)
        else:
            x, y = bottoms[0].values.read(CUDA), tops[0].values.read(CUDA)
            kernels.expected_backward(blocks, x, y, self.scratch("sums", tops[0].count), dy, dx, *geometry)

    def _draws(self) -> bool:
        return self.layer.training and self.layer.param.pooling_param.pool == _Method.STOCHASTIC

    def _key(self) -> ChangingNumbers:
        return self.changing("key", 2, np.uint32)

    def _chosen(self, count: int) -> DeviceArray:
        """The position in its plane that each window has chosen."""
        return self.scratch("chosen", count, np.int32)

    def _geometry(self) -> tuple[int, ...]:
        windows = self.layer.windows
        return *windows.inputs, *windows.outputs, *windows.kernel, *windows.stride, *windows.pad
