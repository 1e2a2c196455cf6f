"""Where a solver's snapshots go, how their files find each other again, and whether a state fits.

A snapshot is a pair, named as Caffe names it: ``PREFIX_iter_N.caffemodel`` and ``PREFIX_iter_N.solverstate``, or
both with ``.h5`` after it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from netcli.convert.atomic_file import unwritable
from netcli.errors import ConfigError, RunError
from netcli.prototxt import SolverSource, resolve_path
from netcli.solver.state_file import State


def snapshot_paths(prefix: Path, iteration: int, hdf5: bool) -> tuple[Path, Path]:
    """(weights, state), named as Caffe names them."""
    stem = f"{prefix.name}_iter_{iteration}"
    ending = ".h5" if hdf5 else ""
    return prefix.with_name(f"{stem}.caffemodel{ending}"), prefix.with_name(f"{stem}.solverstate{ending}")


def snapshot_prefix(source: SolverSource, default: str | None) -> Path:
    """Where snapshots go.

    ``snapshot_prefix`` where it is set: its folder is looked for as any path in a prototxt is, and if there is
    none it is taken against the working directory; a prefix that is a folder gets the solver's own name. Else
    ``default``; else, as in Caffe, the solver's file without its ending.
    """
    own_name = Path(source.file).stem if source.file else "model"
    written = source.param.snapshot_prefix
    if not written:
        if default is not None:
            return Path(default)
        return Path(source.file).with_suffix("") if source.file else Path(own_name)
    prefix = Path(written)
    if written.endswith(("/", os.sep)) or prefix.is_dir():
        folder, name = prefix, own_name
    else:
        folder, name = prefix.parent, prefix.name
    try:
        return Path(resolve_path(str(folder), source.file)) / name
    except ConfigError:
        return folder / name


def check_writable(prefix: Path) -> None:
    """Makes the folder of ``prefix`` where it is missing and sees whether files can be written there.

    Raises:
        RunError: NC459 before the training, not after it.
    """
    probe = prefix.with_name(f".{prefix.name}.{os.getpid()}.tmp")
    try:
        prefix.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise unwritable(prefix, error) from error


def find_weights(state: State, path: str | os.PathLike[str]) -> Path:
    """The file of weights that belongs to the state at ``path``, which may have been moved together with it.

    Raises:
        RunError: NC469 if it is nowhere.
    """
    named = Path(state.learned_net)
    folder = Path(path).parent
    tried = list(dict.fromkeys([named, folder / named.name, folder / named]))
    for candidate in tried:
        if state.learned_net and candidate.is_file():
            return candidate
    raise RunError.of(
        "NC469",
        f"the weights that '{os.fspath(path)}' belongs to are missing",
        expected=state.learned_net or "a name of a file of weights",
        hint="tried " + ", ".join(map(str, tried)) + "; keep both files of a snapshot together",
    )


def check_type(state: State, solver_type: str, path: str | os.PathLike[str]) -> None:
    """Sees that a state was written by the same type of solver. Caffe's states do not say.

    Raises:
        RunError: NC470.
    """
    if state.record and state.record.solver_type not in ("", solver_type):
        raise RunError.of(
            "NC470",
            f"the state '{os.fspath(path)}' was written by another solver type",
            expected=f'type "{solver_type}"',
            actual=f'"{state.record.solver_type}"',
            hint="set type as it was, or start a new run from the weights with --weights",
        )


def check_history(state: State, expected: Sequence[np.ndarray], solver_type: str, path: str | os.PathLike[str]) -> None:
    """Sees that a state's history fits the solver's, before anything is changed.

    Raises:
        RunError: NC467 another number of blobs, NC468 another shape.
    """
    if len(state.history) != len(expected):
        raise RunError.of(
            "NC467",
            f"the history in '{os.fspath(path)}' has another number of blobs than type {solver_type} needs here",
            expected=len(expected),
            actual=len(state.history),
            hint=f"it was written for {_whose(state)}",
        )
    for index, (stored, own) in enumerate(zip(state.history, expected, strict=True)):
        if not _same_but_leading_ones(stored.shape, own.shape):
            raise RunError.of(
                "NC468",
                f"history blob {index} in '{os.fspath(path)}' has another shape",
                expected=own.shape,
                actual=stored.shape,
                hint=f"it was written for {_whose(state)}",
            )


def _whose(state: State) -> str:
    record = state.record
    if record is None or not record.solver_type:
        return "another solver type, or another net"
    return f"net '{record.net}' and solver type {record.solver_type}"


def _same_but_leading_ones(stored: tuple[int, ...], own: tuple[int, ...]) -> bool:
    """Old files give every blob four axes."""
    return stored == own or (len(stored) == 4 and stored == (1,) * (4 - len(own)) + own)
