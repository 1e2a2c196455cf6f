"""Which snapshot a run goes on from, and whether it is the same run: what ``--resume`` means."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import os
import re
from pathlib import Path

from netcli.errors import NetcliError, RunError
from netcli.schema.binary import read_file
from netcli.solver.snapshot import find_weights
from netcli.solver.state_file import State, read_state

_STATE = re.compile(r"_iter_(\d+)\.solverstate(\.h5)?")
_TEMPORARY = re.compile(r"_iter_\d+\..*\.(\d+)-[0-9a-f]+\.tmp")


def state_of(path: str | os.PathLike[str]) -> Path:
    """The state at ``path``, or the one that belongs to the weights at ``path``.

    Raises:
        RunError: NC466 for weights that no state lies beside.
    """
    given = Path(path)
    if ".caffemodel" not in given.name:
        return given
    state = given.with_name(given.name.replace(".caffemodel", ".solverstate"))
    if state.is_file():
        return state
    raise RunError.of(
        "NC466",
        f"'{given}' holds weights, and its state is not beside it",
        expected=f"a state, '{state}'",
        actual="weights alone, without history and iteration",
        hint="keep both files of a snapshot together, or start a new run from the weights with --weights",
    )


def snapshots_of(prefix: Path) -> list[tuple[int, Path]]:
    """(iteration, state) of all snapshots with this prefix, the oldest first."""
    found = []
    with contextlib.suppress(OSError):
        for path in prefix.parent.iterdir():
            if path.name.startswith(prefix.name) and (match := _STATE.fullmatch(path.name[len(prefix.name) :])):
                found.append((int(match[1]), path))
    return sorted(found)


def last_good_snapshot(prefix: Path) -> tuple[Path | None, list[str]]:
    """The newest snapshot whose files are both there and as they were written; and why newer ones are not it."""
    notes = []
    for _, path in reversed(snapshots_of(prefix)):
        try:
            state = read_state(path)
            check_weights(state, find_weights(state, path))
        except NetcliError as error:
            notes.append(str(error))
        else:
            return path, notes
    return None, notes


def check_weights(state: State, weights: Path) -> None:
    """Sees that a file of weights is the one that was written with ``state``.

    Raises:
        RunError: NC471 if it is not; NC460 to NC462 if it cannot be read.
    """
    content = read_file(weights)
    expected = state.record.weights_sha256 if state.record else ""
    actual = hashlib.sha256(content).hexdigest()
    if expected and actual != expected:
        raise RunError.of(
            "NC471",
            f"'{weights}' is damaged, or not the file that was written with its state",
            expected=f"SHA-256 {expected[:12]}",
            actual=actual[:12],
            hint="go on from an older snapshot, as --resume auto does; or start a new run from it with --weights",
        )


def config_changes(state: State, config: str) -> list[str]:
    """What has changed since the snapshot, as lines of a diff; empty if nothing, or if the state does not say."""
    before = state.record.config if state.record else ""
    if not before or before == config:
        return []
    return list(
        difflib.unified_diff(before.splitlines(), config.splitlines(), "at the snapshot", "now", n=1, lineterm="")
    )


def remove_leftovers(prefix: Path) -> None:
    """Removes what a killed run was writing; files of a process that still runs are left alone."""
    with contextlib.suppress(OSError):
        for path in prefix.parent.iterdir():
            start = f".{prefix.name}"
            match = _TEMPORARY.fullmatch(path.name[len(start) :]) if path.name.startswith(start) else None
            if match and not _is_running(int(match[1])):
                path.unlink()


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
