"""The second stage of a loss on a GPU: from the losses of items to the top."""

from __future__ import annotations

import numpy as np

from netcli.layers.cuda_form import CudaForm
from netcli.layers.loss import cuda_kernels as kernels
from netcli.layers.loss.labels import NO_LABEL
from netcli.layers.loss.normalisation import normaliser
from netcli.runtime.blob import CUDA, Blob
from netcli.runtime.cuda.memory import DeviceArray
from netcli.schema import caffe_pb2 as pb


class LossOnCuda(CudaForm):
    """Base of the losses' forms: room for what there is one of for each item, and the sum."""

    def item_losses(self, items: int) -> tuple[DeviceArray, DeviceArray]:
        """Room for the losses of items, and for how many of them count."""
        return self.scratch("losses", items), self.scratch("counts", items, np.int32)

    def finish(self, number: int, fixed: float, top: Blob, share: float = 1) -> None:
        """Sums ``item_losses`` into the top; ``fixed`` is the normaliser, or 0 for the number that counts."""
        losses, counts = self.item_losses(number)
        loss = top.values.write(CUDA)
        kernels.finish_loss(1, losses, counts, number, fixed, share, loss, self.normaliser)

    @property
    def normaliser(self) -> DeviceArray:
        """What ``finish`` has divided by."""
        return self.scratch("normaliser", 1)


def fixed_normaliser(mode: int, *, outer: int, items: int) -> float:
    """The divisor where it is known beforehand, else 0."""
    return 0 if mode == pb.LossParameter.VALID else normaliser(mode, outer=outer, items=items, valid=0)


def label_to_ignore(ignored: int) -> tuple[int, int]:
    """(label, whether there is one), as kernels take it."""
    return (0, 0) if ignored == NO_LABEL else (ignored, 1)
