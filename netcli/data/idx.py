"""Reads IDX files, the format of the original MNIST: a magic number, the dimensions, then the bytes.

References: Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits, section "File formats".
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np

from netcli.errors import RunError

_UNSIGNED_BYTE = 0x08


def read_idx(path: Path, axes: int) -> np.ndarray:
    """The array in an IDX file of unsigned bytes, plain or gzipped (by its contents, not by its name).

    Args:
        path: the file.
        axes: how many dimensions it must have.

    Returns:
        uint8, read-only.

    Raises:
        RunError: NC213, it cannot be read, is no such file, or has another length than its header says.
    """
    content = _read(path)
    header = 4 + 4 * axes
    magic = bytes([0, 0, _UNSIGNED_BYTE, axes])
    if len(content) < header or content[:4] != magic:
        raise RunError.of(
            "NC213",
            f"'{path}' is not an IDX file of {axes} axes of bytes",
            expected=f"magic {magic.hex()} and at least {header} bytes",
            actual=f"{content[:4].hex() or 'nothing'} and {len(content)} bytes",
        )
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", axes, 4))
    values = np.frombuffer(content, np.uint8, offset=header)
    expected = 1
    for length in shape:
        expected *= length
    if values.size != expected:
        raise RunError.of(
            "NC213",
            f"'{path}' is {'truncated' if values.size < expected else 'too long'}",
            expected=f"{' x '.join(map(str, shape))} = {expected} bytes after the header",
            actual=values.size,
            hint="download it again",
        )
    return values.reshape(shape)


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError, zlib.error) as error:
        raise RunError.of("NC213", f"cannot read '{path}': {error}", hint="download it again") from error
