"""The bias of a convolution whose product has been computed without it."""

from __future__ import annotations

import numpy as np

from netcli.runtime.cuda.kernel import cuda_kernel
from netcli.runtime.cuda.toolkit import cuda

uint32 = np.uint32


@cuda_kernel("f4*, f4*, u4, u4, u4")
def add_to_channels(bias, out, count, channels, positions):  # type: ignore[no-untyped-def]
    """out (images, channels, positions) += bias (channels,)."""
    at = uint32(cuda.grid(1))
    if at < count:
        out[at] += bias[uint32(uint32(at // positions) % channels)]
