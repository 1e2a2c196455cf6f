"""The line of the source that a finding is about, with a caret under the spot."""

from __future__ import annotations

import re

from netcli.errors import Finding, Place

_WIDEST = 120
_TOKEN = re.compile(r"\"[^\"]*\"?|'[^']*'?|[\w.+-]+|.")


class SourceLines:
    """The lines of files, each file read once. Files that cannot be read have none."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}

    def line(self, place: Place) -> str | None:
        """The line of ``place`` without its end, None if there is no such line."""
        if place.file not in self._lines:
            try:
                with open(place.file, encoding="utf-8-sig", errors="replace") as file:
                    self._lines[place.file] = file.read().split("\n")
            except (OSError, ValueError):
                self._lines[place.file] = []
        lines = self._lines[place.file]
        return lines[place.line - 1].rstrip("\r") if 0 < place.line <= len(lines) else None


def excerpt(finding: Finding, sources: SourceLines) -> list[str]:
    """Two lines, the source's and one with carets under the word at the finding's column; none without a source.

    Of a very long line the part around the column is shown.
    """
    place = finding.place
    line = sources.line(place) if place else None
    if place is None or line is None:
        return []
    column = min(max(place.column, 1), len(line) + 1)
    start = max(0, column - _WIDEST // 2) if len(line) > _WIDEST else 0
    shown = "".join(letter if letter.isprintable() else " " for letter in line[start : start + _WIDEST])
    token = _TOKEN.match(line, column - 1)
    width = min(len(token[0]) if token else 1, _WIDEST - (column - 1 - start))
    number = f"{place.line:>6} | "
    return [number + shown.rstrip(), " " * 6 + " | " + " " * (column - 1 - start) + "^" * max(1, width)]
