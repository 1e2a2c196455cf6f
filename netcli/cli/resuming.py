"""``--resume``: the snapshot to go on from, and the run folder to go on in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from netcli.cli.training_options import RESUME_AUTO
from netcli.errors import RunError
from netcli.prototxt import SolverSource
from netcli.report.run_folder import RunFolder
from netcli.solver import Solver
from netcli.solver.resume import config_changes, last_good_snapshot, remove_leftovers, snapshots_of, state_of
from netcli.solver.snapshot import snapshot_prefix
from netcli.solver.state_file import read_state


@dataclass(frozen=True)
class Resumption:
    """Where a run begins: ``state`` is None for the beginning. ``notes`` say why it is not a newer snapshot."""

    state: Path | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def seed(self) -> int | None:
        """The seed of the run that goes on; None where there is none, or Caffe wrote its state."""
        record = read_state(self.state).record if self.state else None
        return record.seed if record else None


def find_resumption(asked: str | None, source: SolverSource, folder: RunFolder | None) -> Resumption:
    """What ``--resume`` names.

    Args:
        asked: None, "auto", or the path of a state or of weights.
        folder: of the run; None if it is a new one.

    Raises:
        RunError: NC466 for weights without their state; as ``read_state`` for a path that is no state.
    """
    if asked is None:
        return Resumption()
    if asked != RESUME_AUTO:
        path = state_of(asked)
        read_state(path)
        return Resumption(path)
    if folder is None and not source.param.snapshot_prefix:
        return Resumption(None, ["nothing to resume: the run begins"])
    prefix = snapshot_prefix(source, folder.snapshot_prefix if folder else None)
    remove_leftovers(prefix)
    newest, reasons = last_good_snapshot(prefix)
    notes = [f"passed over: {reason}" for reason in reasons]
    return Resumption(newest, [*notes, f"resuming {newest}" if newest else "nothing to resume: the run begins"])


def folder_to_resume(parent: Path, stem: str) -> Path | None:
    """The newest numbered run folder of this solver that has snapshots."""
    found = []
    for path in parent.iterdir() if parent.is_dir() else ():
        match = re.fullmatch(rf"{re.escape(stem)}-(\d+)", path.name)
        if match and snapshots_of(path / "model"):
            found.append((int(match[1]), path))
    return max(found)[1] if found else None


def check_unchanged(solver: Solver, state: Path, *, force: bool) -> Sequence[str]:
    """The lines of the difference between the snapshot's config and the present one; none if they are alike.

    Raises:
        RunError: NC472 with these lines, unless ``force``.
    """
    lines = config_changes(read_state(state), solver.config)
    if lines and not force:
        changed = "\n".join(line for line in lines)
        raise RunError.of(
            "NC472", f"the config has changed since '{state}' was written:\n{changed}\nso this would be another run",
            hint="--force resumes with the present config",
        )  # fmt: skip
    return lines
