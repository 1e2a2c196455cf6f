"""The stable codes of everything that netcli can say about a file or a run. A code is never reused.

``CATALOGUE`` has a title for each; ``ENTRIES`` what ``netcli explain`` and docs/errors.md say, an example included.
"""

from __future__ import annotations

from netcli.catalogue import (
    conversion,
    data,
    faces,
    graph,
    lint,
    measuring,
    pycaffe,
    running,
    solver,
    text,
    together,
    weights,
)
from netcli.catalogue.entry import Entry

ENTRIES: dict[str, Entry] = {
    **text.ENTRIES,
    **graph.ENTRIES,
    **data.ENTRIES,
    **lint.ENTRIES,
    **solver.ENTRIES,
    **weights.ENTRIES,
    **running.ENTRIES,
    **together.ENTRIES,
    **measuring.ENTRIES,
    **faces.ENTRIES,
    **pycaffe.ENTRIES,
    **conversion.ENTRIES,
}
CATALOGUE: dict[str, str] = {code: entry.title for code, entry in ENTRIES.items()}
