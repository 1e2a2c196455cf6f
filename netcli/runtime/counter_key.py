"""Keys of counter-based random numbers, without the kernels that hash them."""

from __future__ import annotations

import numpy as np

GOLDEN = 0x9E3779B97F4A7C15
"""What a counter is multiplied with before it is added to the key: 2**64 over the golden ratio, made odd."""


def key_from(key: int, first: int) -> np.uint64:
    """The key under which counter 0 has the random bits of counter ``first`` under ``key``."""
    return np.uint64((key + first * GOLDEN) & 0xFFFF_FFFF_FFFF_FFFF)
