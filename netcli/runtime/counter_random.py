"""Random bits without state: a hash of a key and a counter.

For masks that a kernel makes element by element: the bits of an element depend on its index alone, so neither
the layout nor the number of threads can change them. The mixer is the output function of SplitMix64 (Steele,
Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014), fed with key + index * golden.
"""

from __future__ import annotations

import numpy as np

from netcli.runtime.counter_key import GOLDEN
from netcli.runtime.jit import kernel

_GOLDEN = np.uint64(GOLDEN)
_FACTOR_1 = np.uint64(0xBF58476D1CE4E5B9)
_FACTOR_2 = np.uint64(0x94D049BB133111EB)
_SHIFT_1 = np.uint64(30)
_SHIFT_2 = np.uint64(27)
_SHIFT_3 = np.uint64(31)


@kernel
def random_bits(key, index):
    """64 random bits (uint64) for ``index`` under ``key``, both uint64."""
    bits = key + index * _GOLDEN
    bits = (bits ^ (bits >> _SHIFT_1)) * _FACTOR_1
    bits = (bits ^ (bits >> _SHIFT_2)) * _FACTOR_2
    return bits ^ (bits >> _SHIFT_3)
