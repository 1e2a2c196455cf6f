"""What a diverging run looks like inside: one row for each blob, as far as it matters."""

from __future__ import annotations

from netcli.report.tables import Column, aligned
from netcli.solver import events

_ROWS_BEFORE, _ROWS_AFTER = 12, 4
"""Rows that are shown before and after the first blob with impossible values: what led there, and what it led to."""


def divergence_text(event: events.Diverged) -> str:
    """The reason, the rate, lambda and labels, and the values and gradients of the blobs round the first bad one."""
    parts = [f"lr {event.lr:.4g}", f"loss {event.loss:.6g}"]
    parts += [f"lambda of {layer} {value:.4g}" for layer, value in event.lambdas.items()]
    parts += [f"{name} from {low:g} to {high:g}" for name, (low, high) in event.labels.items()]
    lines = [f"diverging at iteration {event.iteration}: {event.reason}; {', '.join(parts)}"]
    if event.blobs:
        lines += aligned(_COLUMNS, _rows(event)).splitlines()
    return "\n".join(lines)


_COLUMNS = [
    Column("layer"), Column("blob"), Column("data min", True), Column("max", True), Column("mean", True),
    Column("not finite", True), Column("diff min", True), Column("max", True), Column("mean", True),
    Column("not finite", True), Column(""),
]  # fmt: skip


def _rows(event: events.Diverged) -> list[list[str]]:
    names = [(blob.layer, blob.blob) for blob in event.blobs]
    first = names.index((event.layer, event.blob)) if event.layer and event.blob else len(names) - 1
    begin = max(0, first - _ROWS_BEFORE)
    return [
        [
            blob.layer,
            blob.blob,
            *_cells(blob.data),
            *_cells(blob.diff),
            "<- first" if name == (event.layer, event.blob) else "",
        ]
        for name, blob in zip(names[begin:], event.blobs[begin : first + 1 + _ROWS_AFTER], strict=False)
    ]


def _cells(values: events.ValueRange | None) -> list[str]:
    if values is None:
        return ["-"] * 4
    numbers = [f"{value:.4g}" for value in (values.min, values.max, values.mean)]
    return [*numbers, str(values.not_finite) if values.not_finite else "-"]
