"""Four tiny IDX files in MNIST's form."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

from netcli.data.mnist import SPLITS

SIZES = {SPLITS[0]: 12, SPLITS[1]: 5}


def idx(values: np.ndarray) -> bytes:
    """``values`` uint8 as an IDX file."""
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


def mnist_arrays() -> dict[str, np.ndarray]:
    """The contents of the four files by their names."""
    random = np.random.default_rng(4)
    arrays = {}
    for split, size in SIZES.items():
        arrays[split.images] = random.integers(0, 256, (size, 28, 28), np.uint8)
        arrays[split.labels] = (np.arange(size) % 10).astype(np.uint8)
    return arrays


def write_mnist(folder: Path, *, compressed: bool = True) -> dict[str, bytes]:
    """Writes the four files into ``folder``; returns what was written, by file name."""
    files = {}
    for name, values in mnist_arrays().items():
        content = idx(values)
        files[f"{name}.gz" if compressed else name] = gzip.compress(content, mtime=0) if compressed else content
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return files
