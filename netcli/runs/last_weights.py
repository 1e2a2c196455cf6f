"""The config and the newest weights of a run folder."""

from __future__ import annotations

import re
from pathlib import Path

from netcli.errors import RunError
from netcli.prototxt import SolverSource, load_solver
from netcli.report.run_folder import CONFIG, RunFolder


def solver_of_run(run: Path) -> SolverSource:
    """The config of a run folder. Raises RunError NC550 if there is none; ConfigError."""
    config = run / CONFIG
    if not config.is_file():
        raise RunError.of(
            "NC550", f"'{run}' is no run folder", expected=f"a folder with {CONFIG}, as train makes it",
        )  # fmt: skip
    return load_solver(str(config))


def last_weights(run: Path, solver: SolverSource) -> tuple[int, Path]:
    """(iteration, path) of the newest weights in the run folder, or where its snapshots went.

    Raises:
        RunError: NC550 if there are none.
    """
    prefix = Path(solver.param.snapshot_prefix or RunFolder(run).snapshot_prefix)
    for folder, stem in ((run, prefix.name), (prefix.parent, prefix.name)):
        pattern = re.compile(rf"{re.escape(stem)}_iter_(\d+)\.caffemodel(\.h5)?")
        entries = folder.iterdir() if folder.is_dir() else ()
        found = [(int(match[1]), path) for path in entries if (match := pattern.fullmatch(path.name))]
        if found:
            return max(found)
    raise RunError.of("NC550", f"the run '{run}' has no weights", expected=f"{prefix}_iter_N.caffemodel")
