"""Independent random streams, each a pure function of the seed and of what it is for.

A stream never depends on how many numbers another one has drawn, on thread timing or on prefetch depth:
(seed, purpose, names and counters) is all there is to it. So a run repeats bit for bit, and a resumed one
goes on as if it had never stopped.
"""

from __future__ import annotations

import hashlib
import secrets

import numpy as np


def stream_key(seed: int, purpose: str, *parts: str | int) -> int:
    """A 128-bit key for (seed, purpose, parts): stable over processes, platforms and Python versions."""
    text = "\x1f".join([str(seed), purpose, *map(str, parts)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def stream(seed: int, purpose: str, *parts: str | int) -> np.random.Generator:
    """A generator of its own for ``purpose``, e.g. ``stream(1, "filler", "conv1", 0)``."""
    return np.random.Generator(np.random.Philox(key=stream_key(seed, purpose, *parts)))


def fresh_seed() -> int:
    """A seed from the operating system, for runs that name none (Caffe's random_seed: -1)."""
    return secrets.randbits(31)
