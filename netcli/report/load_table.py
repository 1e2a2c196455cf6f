"""What became of every layer when weights were loaded, as a table with totals."""

from __future__ import annotations

from collections.abc import Sequence

from netcli.net.weights import LoadReport
from netcli.report import units
from netcli.report.tables import Column, aligned

_COLUMNS = [Column("layer"), Column("weights"), Column("from")]


def load_table(report: LoadReport) -> str:
    """One row for each layer of the net with parameters, then those that only the file has, then the totals."""
    origin = {name: f"layer '{old}'" for name, old in report.renamed.items()}
    rows: list[Sequence[str]] = [
        *((name, "loaded", origin.get(name, "")) for name in report.loaded),
        *((name, "reshaped", origin.get(name, "") or "other axes of size 1") for name in report.reshaped),
        *((name, "skipped", why) for name, why in report.skipped),
        *((name, "left fresh", "not in the file") for name in report.not_in_file),
        *((name, "not used", "not in the net") for name in report.not_in_net),
    ]
    counts = (
        (len(report.loaded), "loaded"),
        (len(report.reshaped), "reshaped"),
        (len(report.skipped), "skipped"),
        (len(report.not_in_file), "left fresh"),
        (len(report.not_in_net), "not used"),
    )
    totals = ", ".join(f"{count} {what}" for count, what in counts if count)
    title = f"weights {report.source}: {totals}; {units.count(report.values)} values"
    return "\n".join([title, *(f"  {line}" for line in aligned(_COLUMNS, rows).splitlines())])
