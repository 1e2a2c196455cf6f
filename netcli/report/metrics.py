"""``metrics.jsonl``: one JSON object for each event that is worth keeping, written as it happens."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from netcli.errors import RunError
from netcli.solver import events

SCHEMA = 1


class MetricsFile:
    """A listener that adds to ``path``, a line at a time: what is in the file survives a crash.

    Args:
        path: added to, never overwritten.
        clock: seconds since 1970.

    Raises:
        RunError: NC511 if the file cannot be written (from the call as well: the disk may fill up).
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        try:
            # Unbuffered, so that nothing is left to be written, and to fail, when the file is closed.
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise _unwritable(path, error) from error

    def __call__(self, event: events.Event) -> None:
        record = metrics_record(event)
        if record is None:
            return
        line = json.dumps(_finite({**record, "time": round(self._clock(), 3)})) + "\n"
        rest = line.encode()
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _unwritable(path: Path, error: OSError) -> RunError:
    return RunError.of(
        "NC511",
        f"cannot write '{path}': {error.strerror or error}",
        hint="is the disk full? --out names another folder",
    )


def metrics_record(event: events.Event) -> dict[str, Any] | None:
    """The promised keys for ``event``, all but ``time``; None for an event that is for the screen only."""
    match event:
        case events.Started():
            body = _fields(event, "iteration", "max_iter", "seed", "batch_size", "iter_size", "test_nets")
            return _record("started", body)
        case events.Train():
            return _record("train", _train(event))
        case events.Test():
            return _record(
                "test", _fields(event, "iteration", "net", "outputs", "images", "iterations", "loss", "seconds")
            )
        case events.Snapshot():
            return _record(
                "snapshot", {"iteration": event.iteration, "weights": str(event.weights),
                 "state": None if event.state is None else str(event.state)},
            )  # fmt: skip
        case events.Diverged():
            return _record("diverged", _diverged(event))
        case events.Finished():
            return _record("finished", _fields(event, "iteration", "reason", "seconds"))
        case _:
            return None


def _train(event: events.Train) -> dict[str, Any]:
    return {
        "iteration": event.iteration,
        "epoch": event.epoch,
        "lr": event.lr,
        "loss": event.loss,
        "smoothed_loss": event.smoothed_loss,
        "outputs": event.outputs,
        "lambda": event.lambdas,
        "images_per_s": event.images / event.seconds if event.seconds > 0 else None,
        "data_wait": event.data_wait,
        **({} if event.comm_wait is None else {"comm_wait": event.comm_wait}),
    }


def _diverged(event: events.Diverged) -> dict[str, Any]:
    return {
        **_fields(event, "iteration", "lr", "loss", "layer", "blob", "reason"),
        "lambda": event.lambdas,
        "labels": {name: list(ends) for name, ends in event.labels.items()},
        "blobs": [dataclasses.asdict(blob) for blob in event.blobs],
    }


def _record(name: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"schema": SCHEMA, "event": name, **body}


def _fields(event: events.Event, *names: str) -> dict[str, Any]:
    return {name: getattr(event, name) for name in names}


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return value
