"""Accuracy on a GPU. A label that is no class makes it NaN.

Where several processes share a batch and count items over all of it, the accuracy is the CPU's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netcli.layers.accuracy import cuda_kernels as kernels
from netcli.layers.accuracy.accuracy import Accuracy
from netcli.layers.cuda_form import CudaForm, cuda_form
from netcli.layers.layer import Layer
from netcli.layers.loss.cuda_sums import label_to_ignore
from netcli.layers.loss.labels import NO_LABEL
from netcli.runtime.blob import CUDA, Blob


@cuda_form("Accuracy")
class AccuracyOnCuda(CudaForm):
    layer: Accuracy

    @classmethod
    def suits(cls, layer: Layer) -> bool:
        assert isinstance(layer, Accuracy)
        return not layer.counting_share(layer.ignored != NO_LABEL or len(layer.param.top) > 1).divided

    def forward(self, bottoms: Sequence[Blob], tops: Sequence[Blob]) -> None:
        axis, shape = self.layer.axis, bottoms[0].shape
        classes, inner = shape[axis], math.prod(shape[axis + 1 :])
        items = bottoms[0].count // classes
        named, right = self.scratch("named", items, np.int32), self.scratch("right", items, np.int32)
        kernels.judge(
            items, bottoms[0].values.read(CUDA), bottoms[1].values.read(CUDA), named, right, classes, inner,
            self.layer.top_k, *label_to_ignore(self.layer.ignored),
        )  # fmt: skip
        kernels.accuracy(1, named, right, tops[0].values.write(CUDA), items, 1)
        if len(tops) > 1:
            kernels.class_accuracy(classes, named, right, tops[1].values.write(CUDA), items)
