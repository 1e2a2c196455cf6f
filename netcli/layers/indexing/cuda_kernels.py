"""CUDA kernels of the layers that go by indices."""

from __future__ import annotations

import numpy as np

from netcli.runtime.cuda.kernel import cuda_kernel
from netcli.runtime.cuda.toolkit import cuda

_NAN = np.float32(np.nan)
_MINUS_ONE = np.float32(-1)


@cuda_kernel("f4*, f4*, f4*, f4, u4, u4")
def add_at_labels(x, labels, y, bias, count, classes):
    """y = x, plus ``bias`` at each row's label where x is above -bias. x, y: (rows, classes), ``count`` in all.

    A row whose label is no class becomes NaN. y may be x.
    """
    i = np.uint32(cuda.grid(1))
    if i < count:
        row = np.uint32(i // classes)
        label = labels[row]
        value = x[i]
        if not (label > _MINUS_ONE and label < np.float32(classes)):
            value = _NAN
        elif np.int32(label) == np.int32(i - np.uint32(row * classes)) and value > -bias:
            value += bias
        y[i] = value
