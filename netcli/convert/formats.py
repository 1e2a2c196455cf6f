"""The formats that weights are written in, told by the ending of the file's name."""

from __future__ import annotations

import os
from dataclasses import dataclass

from netcli.errors import RunError


@dataclass(frozen=True)
class Format:
    """What a format keeps besides the values of the blobs, and their shapes, which all keep.

    Attributes:
        settings: the layers' types and settings. gradients: the blobs' diffs.
    """

    name: str
    settings: bool = False
    gradients: bool = False


FORMATS = {
    ".caffemodel": Format("caffemodel", settings=True, gradients=True),
    ".h5": Format("HDF5", gradients=True),
    ".hdf5": Format("HDF5", gradients=True),
    ".npz": Format("npz"),
    ".safetensors": Format("safetensors", settings=True),
}
MODEL_ENDING = ".onnx"


def format_of(path: str | os.PathLike[str]) -> Format:
    """The format for a file of this name. Raises RunError NC609 for an ending that stands for none."""
    ending = os.path.splitext(os.fspath(path))[1].lower()
    if ending not in FORMATS:
        raise RunError.of(
            "NC609", f"the name '{os.fspath(path)}' does not tell a format of weights",
            expected=f"an ending out of {', '.join(FORMATS)}", actual=ending or "none",
        )  # fmt: skip
    return FORMATS[ending]
