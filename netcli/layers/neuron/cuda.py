"""The neuron layers on a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.cuda_form import CudaForm, cuda_form
from netcli.layers.cuda_kept_input import keep_input, kept_input
from netcli.layers.cuda_sums import ChannelForm, add_chunks, chunk_room
from netcli.layers.neuron import cuda_kernels as kernels
from netcli.layers.neuron.activation import Activation
from netcli.layers.neuron.dropout import Dropout
from netcli.layers.neuron.power import Power
from netcli.layers.neuron.prelu import PReLU
from netcli.layers.neuron.relu import ReLU
from netcli.layers.neuron.threshold import Threshold
from netcli.runtime.blob import CUDA, Blob
from netcli.runtime.cuda.kernel import CudaKernel, blocks_for
from netcli.runtime.cuda.memory import DeviceArray


@cuda_form("ReLU")
class ReluOnCuda(CudaForm):
    layer: ReLU

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        count = bottoms[0].count
        x, y = bottoms[0].values.read(CUDA), tops[0].values.write(CUDA)
        kernels.relu_forward(blocks_for(count), x, y, count, self.layer.slope)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        count = bottoms[0].count
        x, dy, dx = bottoms[0].values.read(CUDA), tops[0].gradients.read(CUDA), bottoms[0].gradients.write(CUDA)
        kernels.relu_backward(blocks_for(count), x, dy, dx, count, self.layer.slope)


@cuda_form("AbsVal", "BNLL", "Clip", "ELU", "Exp", "Log", "ReLU6", "Sigmoid", "Swish", "TanH")
class ActivationOnCuda(CudaForm):
    """Any activation: the kernels are found by the name of its function."""

    layer: Activation

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        layer, count = self.layer, bottoms[0].count
        reads_x = layer.backward_reads == "x"
        x = keep_input(self, bottoms[0], tops[0]) if reads_x else bottoms[0].values.read(CUDA)
        self._kernel("forward")(blocks_for(count), x, tops[0].values.write(CUDA), count, *layer.numbers)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if not propagate_down[0]:
            return
        layer, count = self.layer, bottoms[0].count
        reads_x = layer.backward_reads == "x"
        values = kept_input(self, bottoms[0], tops[0]) if reads_x else tops[0].values.read(CUDA)
        dy, dx = tops[0].gradients.read(CUDA), bottoms[0].gradients.write(CUDA)
        self._kernel("backward")(blocks_for(count), values, dy, dx, count, *layer.numbers)

    def _kernel(self, direction: str) -> CudaKernel:
        kernel: CudaKernel = getattr(kernels, f"{self.layer.function}_{direction}")
        return kernel


@cuda_form("Power")
class PowerOnCuda(ActivationOnCuda):
    """A power or a scale of 0 makes a constant, whatever x is."""

    layer: Power

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        if self.layer.is_constant:
            tops[0].values.write(CUDA).fill(self.layer.constant)
        else:
            super().forward(bottoms, tops)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if self.layer.is_constant and propagate_down[0]:
            bottoms[0].gradients.write(CUDA).fill(0)
        else:
            super().backward(tops, propagate_down, bottoms)


@cuda_form("Threshold")
class ThresholdOnCuda(CudaForm):
    layer: Threshold

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        count, x, y = bottoms[0].count, bottoms[0].values.read(CUDA), tops[0].values.write(CUDA)
        kernels.threshold_forward(blocks_for(count), x, y, count, self.layer.threshold)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        """Says that there is no gradient, as the layer does."""
        self.layer.backward(tops, propagate_down, bottoms)


@cuda_form("PReLU")
class PReluOnCuda(CudaForm):
    layer: PReLU

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        form, x = self._form(bottoms[0]), bottoms[0].values.read(CUDA)
        in_place = bottoms[0] is tops[0]
        kept = kept_input(self, bottoms[0], tops[0])
        slopes, y = self.layer.params[0].values.read(CUDA), tops[0].values.write(CUDA)
        kernels.prelu_forward(
            blocks_for(form.count), x, slopes, y, kept, int(in_place), form.count, form.channels, form.inner
        )

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        form, x, dy = self._form(bottoms[0]), kept_input(self, bottoms[0], tops[0]), tops[0].gradients.read(CUDA)
        dx = bottoms[0].gradients.write(CUDA) if propagate_down[0] else dy
        slopes, sums = self.layer.params[0].values.read(CUDA), self.layer.params[0].gradients.update(CUDA)
        partial, wanted = chunk_room(self, form, sums), int(propagate_down[0])
        kernels.prelu_backward(form.grid, x, dy, slopes, dx, partial, int(partial is sums), wanted, *form.sizes)
        add_chunks(partial, form, sums, adds=True)

    def _form(self, bottom: Blob) -> ChannelForm:
        """All values are one channel's where all have one slope."""
        return ChannelForm.rows(1, bottom.count) if self.layer.shared else ChannelForm.along(bottom.shape, 1)


@cuda_form("Dropout")
class DropoutOnCuda(CudaForm):
    """The mask is that of the CPU; the key of the pass stands in device memory, so that a captured pass stays valid."""

    layer: Dropout

    def prepare(self) -> None:
        if self.layer.training:
            key = int(self.layer.pass_key())
            self.changing("key", 2, np.uint32).set(key & 0xFFFF_FFFF, key >> 32)

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        self._apply(bottoms[0].values.read(CUDA), tops[0].values.write(CUDA), bottoms[0].count)

    def backward(self, tops: Sequence[Blob], propagate_down: Sequence[bool], bottoms: Sequence[Blob]) -> None:
        if propagate_down[0]:
            self._apply(tops[0].gradients.read(CUDA), bottoms[0].gradients.write(CUDA), bottoms[0].count)

    def _apply(self, source: DeviceArray, target: DeviceArray, count: int) -> None:
        layer = self.layer
        if not layer.training:
            if target is not source:
                target.copy_from(source)
            return
        key, threshold = self.changing("key", 2, np.uint32).array, int(layer.threshold)
        low, high = threshold & 0xFFFF_FFFF, threshold >> 32
        kernels.dropout(blocks_for(count), source, target, key, count, low, high, layer.scale)
