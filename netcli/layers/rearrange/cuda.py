"""What gives values another shape or order, on a GPU."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.cuda_form import CudaForm, cuda_form
from netcli.layers.rearrange import cuda_kernels as kernels
from netcli.layers.rearrange.crop import Crop
from netcli.layers.rearrange.permute import Permute
from netcli.layers.rearrange.shuffle_channel import ShuffleChannel
from netcli.layers.rearrange.tile import Tile
from netcli.runtime.blob import CUDA, Blob, Shape
from netcli.runtime.cuda.kernel import blocks_for
from netcli.runtime.cuda.memory import DeviceArray


@cuda_form("Flatten", "Reshape")
class SameValuesOnCuda(CudaForm):
    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        tops[0].values.write(CUDA).copy_from(bottoms[0].values.read(CUDA))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if propagate_down[0]:
            bottoms[0].gradients.write(CUDA).copy_from(tops[0].gradients.read(CUDA))


class _Gathered(CudaForm):
    """Each element of the top is one of the bottom's, found in a table that is made when the shape changes."""

    _shape: Shape | None = None

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        forward, _ = self._tables(bottoms[0].shape, tops[0].count)
        x, y, count = bottoms[0].values.read(CUDA), tops[0].values.write(CUDA), tops[0].count
        kernels.gather(blocks_for(count), x, forward, y, count)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        for bottom, wanted in zip(bottoms[1:], propagate_down[1:], strict=True):
            if wanted:
                bottom.gradients.write(CUDA).fill(0)
        if propagate_down[0]:
            _, backward = self._tables(bottoms[0].shape, tops[0].count)
            dy, dx, count = tops[0].gradients.read(CUDA), bottoms[0].gradients.write(CUDA), bottoms[0].count
            kernels.gather(blocks_for(count), dy, backward, dx, count)

    def _tables(self, shape: Shape, top_count: int) -> tuple[DeviceArray, DeviceArray]:
        """For each element of the top where it stands in the bottom, and the other way round, -1 for nowhere."""
        count = math.prod(shape)
        forward = self.scratch("forward", top_count, np.int32)
        backward = self.scratch("backward", count, np.int32)
        if shape != self._shape:
            places = self._places(np.arange(count, dtype=np.int32).reshape(shape)).reshape(-1)
            back = np.full(count, -1, np.int32)
            back[places] = np.arange(top_count, dtype=np.int32)
            forward.copy_from_host(places)
            backward.copy_from_host(back)
            self._shape = shape
        return forward, backward

    def _places(self, bottom: np.ndarray) -> np.ndarray:
        """What the layer makes of ``bottom``."""
        raise NotImplementedError


@cuda_form("Permute")
class PermuteOnCuda(_Gathered):
    layer: Permute

    def _places(self, bottom: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(bottom.transpose(self.layer.order))


@cuda_form("Crop")
class CropOnCuda(_Gathered):
    layer: Crop

    def _places(self, bottom: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(bottom[self.layer.part])


@cuda_form("ShuffleChannel")
class ShuffleChannelOnCuda(_Gathered):
    layer: ShuffleChannel

    def _places(self, bottom: np.ndarray) -> np.ndarray:
        images, channels, *spatial = bottom.shape
        rows = self.layer.rows
        table = bottom.reshape(images, rows, channels // rows, *spatial).swapaxes(1, 2)
        return np.ascontiguousarray(table)


@cuda_form("Tile")
class TileOnCuda(CudaForm):
    layer: Tile

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        count, x, y = tops[0].count, bottoms[0].values.read(CUDA), tops[0].values.write(CUDA)
        kernels.repeat_rows(blocks_for(count), x, y, count, *self._sizes(bottoms[0].shape))

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if propagate_down[0]:
            count, dy, dx = bottoms[0].count, tops[0].gradients.read(CUDA), bottoms[0].gradients.write(CUDA)
            kernels.add_tiles(blocks_for(count), dy, dx, count, *self._sizes(bottoms[0].shape))

    def _sizes(self, shape: Shape) -> tuple[int, int]:
        """How often a row is repeated, and its length."""
        return self.layer.param.tile_param.tiles, math.prod(shape[self.layer.axis :])
