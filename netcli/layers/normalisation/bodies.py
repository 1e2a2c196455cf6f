"""What the normalising layers do to one number, for the kernels of any device."""

from __future__ import annotations

import math

from netcli.runtime.jit import kernel


@kernel
def to_minus_beta(s, beta):
    """s^-beta; the usual beta of 3/4 by square roots, which vectorise."""
    if beta == 0.75:
        return math.sqrt(math.sqrt(s)) / s
    return s**-beta
