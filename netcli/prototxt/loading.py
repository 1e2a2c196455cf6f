"""Read a file that may be a net or a solver."""

from __future__ import annotations

import os

from netcli.prototxt.files import read_text
from netcli.prototxt.kinds import is_solver_text
from netcli.prototxt.net_source import NetSource
from netcli.prototxt.solver_source import SolverSource
from netcli.prototxt.text import to_text


def load(path: str | os.PathLike[str]) -> NetSource | SolverSource:
    """Read a net or a solver; the kind is recognised from the top-level fields.

    Raises:
        ConfigError: the file cannot be read (NC001 to NC004) or holds errors, all of them in ``findings``.
    """
    text = read_text(path)
    file = os.fspath(path)
    return SolverSource.from_text(text, file) if is_solver_text(text) else NetSource.from_text(text, file)


def upgrade_text(path: str | os.PathLike[str]) -> str:
    """The net or solver in a file as modern prototxt; comments are lost.

    A solver keeps the names of its nets' files; the nets inside it are upgraded. Raises ConfigError as ``load``.
    """
    return to_text(load(path).param)
