"""What a net predicts, item by item, as a table that other programs read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from netcli.convert.atomic_file import write_atomically

TITLES = ("item", "label", "predicted", "probability", "label_probability")

Row = tuple[str, int | None, int, float, float]
"""Key of the item, its label or None, the predicted class, its probability, that of the label (NaN for none)."""


def write_predictions(rows: Iterable[Row], path: Path) -> None:
    """Writes comma-separated values with a line of titles. All or nothing. Raises RunError NC459."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(TITLES)
    for key, label, predicted, probability, label_probability in rows:
        own = "" if label is None else f"{label_probability:.6g}"
        writer.writerow([key, "" if label is None else label, predicted, f"{probability:.6g}", own])
    write_atomically(path, text.getvalue().encode("utf-8", "surrogateescape"))
