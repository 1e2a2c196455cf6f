"""The folder of one run: metrics, the config as it was used, and what else the run depends on."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netcli.convert.atomic_file import write_atomically
from netcli.errors import RunError

METRICS = "metrics.jsonl"
CONFIG = "config.prototxt"
MANIFEST = "manifest.json"
SCHEMA = 1


class RunFolder:
    """Where a run's files go. Made, and known to be writable, before any work is done.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def at(cls, path: Path, *, resumed: bool) -> RunFolder:
        """The folder that the user names. A new run moves the metrics of an earlier one aside, a resumed one goes on.

        Raises:
            RunError: NC513 if it cannot be made or written.
        """
        folder = cls(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            if not resumed:
                folder._set_metrics_aside()
        except OSError as error:
            raise _unusable(path, error) from error
        folder._claim()
        return folder

    @classmethod
    def numbered(cls, parent: Path, stem: str) -> RunFolder:
        """A new folder ``parent/STEM-NNN`` with the next number; two processes never get the same one.

        Raises:
            RunError: NC513 if it cannot be made.
        """
        try:
            parent.mkdir(parents=True, exist_ok=True)
            taken = [re.fullmatch(rf"{re.escape(stem)}-(\d+)", entry.name) for entry in parent.iterdir()]
            first = 1 + max((int(match[1]) for match in taken if match), default=0)
            for number in itertools.count(first):
                folder = cls(parent / f"{stem}-{number:03d}")
                try:
                    folder.path.mkdir()
                except FileExistsError:
                    continue
                break
        except OSError as error:
            raise _unusable(parent, error) from error
        folder._claim()
        return folder

    @property
    def metrics(self) -> Path:
        """One JSON object a line."""
        return self.path / METRICS

    @property
    def snapshot_prefix(self) -> str:
        """Where snapshots go when the solver does not say."""
        return str(self.path / "model")

    def write_config(self, text: str) -> None:
        """Raises RunError NC459."""
        write_atomically(self.path / CONFIG, text.encode("utf-8", "surrogateescape"))

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Raises RunError NC459."""
        text = json.dumps({"schema": SCHEMA, **manifest}, indent=2) + "\n"
        write_atomically(self.path / MANIFEST, text.encode())

    def discard(self) -> None:
        """Removes the folder if nothing has been written: the run was refused before it began."""
        with contextlib.suppress(OSError):
            if self.metrics.stat().st_size == 0:
                self.metrics.unlink()
                self.path.rmdir()

    def _claim(self) -> None:
        """Opens the metrics file once, so that a folder that cannot be written is noticed now."""
        try:
            with self.metrics.open("a", encoding="utf-8"):
                pass
        except OSError as error:
            raise _unusable(self.path, error) from error

    def _set_metrics_aside(self) -> None:
        if not self.metrics.exists() or self.metrics.stat().st_size == 0:
            return
        for number in itertools.count(1):
            aside = self.path / f"metrics.{number}.jsonl"
            if not aside.exists():
                self.metrics.rename(aside)
                return


def _unusable(path: Path, error: OSError) -> RunError:
    return RunError.of(
        "NC513",
        f"the run folder '{path}' cannot be used: {error.strerror or error}",
        hint="name another one with --out",
    )
