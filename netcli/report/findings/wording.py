"""A finding in words, without its place and code, for forms that have fields of their own for those."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from netcli.errors import Finding


def in_words(finding: Finding) -> str:
    """``layer 'x' (Type): what happened, expected E, actual A. hint: H``."""
    bare = str(dataclasses.replace(finding, place=None))
    return bare.removesuffix(f" [{finding.code}]")


def relative_path(file: str) -> str:
    """The file against the working directory, with slashes, if it lies below that; else as it is."""
    try:
        return Path(os.path.abspath(file)).relative_to(Path.cwd()).as_posix()
    except ValueError:
        return Path(file).as_posix()
