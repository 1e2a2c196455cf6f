"""What ``netcli runs`` prints: a row, or an object, for each run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from netcli.report import units
from netcli.report.lines import value_text
from netcli.report.tables import Column, table
from netcli.runs.best import Best, best_accuracy, best_loss, best_results
from netcli.runs.history import History

SCHEMA = 1
_COLUMNS = (
    Column("run"), Column("started"), Column("iterations", right=True), Column("state"), Column("time", right=True),
    Column("loss", right=True), Column("best accuracy", right=True), Column("at", right=True),
    Column("best test loss", right=True), Column("at", right=True),
)  # fmt: skip
_STATES = {"max_iter": "finished", "patience": "finished early", None: "unfinished"}


def run_table(runs: Sequence[History], *, terminal: bool) -> str:
    """One row for each run; ``loss`` is the last smoothed one, "unfinished" one that goes on or was killed."""
    return table(_COLUMNS, [_row(run) for run in runs], terminal=terminal)


def runs_json(runs: Sequence[History]) -> dict[str, Any]:
    """The same for programs, with the best of every output."""
    return {"schema": SCHEMA, "runs": [_facts(run) for run in runs]}


def _row(run: History) -> list[str]:
    done = units.count(run.iteration)
    return [
        run.name,
        "" if run.started is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started)),
        done if run.max_iter in (None, run.iteration) else f"{done} of {units.count(run.max_iter or 0)}",
        _STATES.get(run.ended, run.ended or ""),
        "" if run.seconds is None else units.duration(run.seconds),
        value_text(run.train[-1].smoothed_loss) if run.train else "",
        *_cells(best_accuracy(run)),
        *_cells(best_loss(run)),
    ]


def _cells(best: Best | None) -> tuple[str, str]:
    return ("", "") if best is None else (value_text(best.value), units.count(best.iteration))


def _facts(run: History) -> dict[str, Any]:
    last = run.train[-1] if run.train else None
    loss = None if last is None or last.smoothed_loss != last.smoothed_loss else last.smoothed_loss
    return {
        "run": str(run.path),
        "started": run.started,
        "seconds": run.seconds,
        "iteration": run.iteration,
        "max_iter": run.max_iter,
        "state": _STATES.get(run.ended, run.ended),
        "seed": run.seed,
        "loss": loss,
        "best": [
            {**{key: value for key, value in asdict(best).items() if key != "up"}, "better": _BETTER[best.up]}
            for best in best_results(run)
        ],
        "damaged_lines": run.damaged,
    }


_BETTER = {True: "larger", False: "smaller", None: None}
