"""Run folders read back: metrics.jsonl as a history."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netcli.errors import RunError
from netcli.report.run_folder import METRICS
from netcli.runs.history import NAN, Displayed, History, Measured


def run_folders(root: Path) -> list[Path]:
    """``root`` if it is a run folder, else those right below it, numbers in their names in order.

    Raises:
        RunError: NC530 if there is no such folder.
    """
    if not root.is_dir():
        raise RunError.of("NC530", f"there is no folder '{root}'", hint="`netcli train` makes runs/STEM-NNN")
    if (root / METRICS).is_file():
        return [root]
    found = [entry for entry in root.iterdir() if (entry / METRICS).is_file()]
    return sorted(found, key=lambda folder: [int(part) if part.isdigit() else part for part in _parts(folder.name)])


def read_run(folder: Path) -> History:
    """The history in a run folder. What a resumed run told again counts once; damaged lines are counted.

    Raises:
        RunError: NC530 if it is no run folder, or cannot be read.
    """
    path = folder / METRICS
    try:
        content = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise RunError.of(
            "NC530", f"'{folder}' is no run folder: {error.strerror}", expected=f"a folder with {METRICS}"
        ) from error
    history = History(folder.name or str(folder), folder)
    for line in content.splitlines():
        try:
            record = json.loads(line)
            _add(history, record)
        except (ValueError, KeyError, TypeError, AttributeError):
            history.damaged += 1
    return history


def _parts(name: str) -> list[str]:
    """Alternately text and digits."""
    return re.split(r"(\d+)", name)


def _add(history: History, record: Mapping[str, Any]) -> None:
    """One record. Kinds of events that are not known are passed over: later versions may add some."""
    iteration = int(record["iteration"])
    match record["event"]:
        case "started":
            history.resume_at(iteration)
            history.max_iter, history.seed = record.get("max_iter"), record.get("seed")
            history.started = record.get("time")
        case "train":
            history.add_train(
                Displayed(
                    iteration,
                    _number(record.get("loss")),
                    _number(record.get("smoothed_loss")),
                    _number(record.get("lr")),
                    _single(record.get("outputs", {})),
                    _single(record.get("lambda", {})),
                )
            )
        case "test":
            history.add_test(Measured(iteration, int(record.get("net", 0)), _single(record["outputs"])))
        case "diverged":
            history.ended = "diverged"
        case "finished":
            history.ended = str(record.get("reason"))
            history.iteration = iteration
    if history.started is not None and "time" in record:
        history.seconds = float(record["time"]) - history.started


def _single(outputs: Mapping[str, Any]) -> dict[str, float]:
    return {name: _number(value) for name, value in outputs.items() if not isinstance(value, list)}


def _number(value: Any) -> float:
    """``null`` stands for what was not finite."""
    return NAN if value is None else float(value)
