"""Plain tables: aligned on a terminal, tab-separated when piped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

GAP = "  "


@dataclass(frozen=True)
class Column:
    """A column's title and whether it is set flush right (numbers)."""

    title: str
    right: bool = False


def aligned(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, footer: int = 0) -> str:
    """Lines of equal columns, a rule under the titles and above the last ``footer`` rows."""
    titles = [column.title for column in columns]
    widths = [max(len(cell) for cell in cells) for cells in zip(titles, *rows, strict=True)]
    rule = GAP.join("-" * width for width in widths)
    lines = [_line(columns, titles, widths), rule]
    body = [_line(columns, row, widths) for row in rows]
    if footer:
        body.insert(len(body) - footer, rule)
    return "\n".join(lines + body)


def separated(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    """The same as tab-separated values with a line of titles: for cut, awk and spreadsheets."""
    return "\n".join("\t".join(cells) for cells in ([column.title for column in columns], *rows))


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, terminal: bool, footer: int = 0) -> str:
    """``aligned`` for a terminal, else ``separated`` without the footer's rows."""
    if terminal:
        return aligned(columns, rows, footer=footer)
    return separated(columns, rows[: len(rows) - footer])


def _line(columns: Sequence[Column], cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.rjust(width) if column.right else cell.ljust(width)
        for column, cell, width in zip(columns, cells, widths, strict=True)
    ]
    return GAP.join(padded).rstrip()
