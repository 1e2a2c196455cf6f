"""How a net does by class: the confusion matrix, and what follows from it."""

from __future__ import annotations

from typing import Any

import numpy as np

from netcli.report.tables import Column, table

SCHEMA = 1

_COLUMNS = (
    Column("class", right=True),
    Column("images", right=True),
    Column("right", right=True),
    Column("accuracy", right=True),
    Column("precision", right=True),
    Column("mostly taken for"),
)


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """(classes, classes) int64: how many items of the row's class were predicted to be of the column's."""
    counts: np.ndarray = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes)


def confusion_json(matrix: np.ndarray) -> dict[str, Any]:
    """The object of ``netcli test --confusion FILE.json``: rows are labels, columns predictions."""
    return {"schema": SCHEMA, "classes": len(matrix), "images": int(matrix.sum()), "matrix": matrix.tolist()}


def class_rows(matrix: np.ndarray) -> list[dict[str, Any]]:
    """One object for each class.

    ``accuracy`` is the share of its images that are recognised (recall), ``precision`` the share of the images
    that are taken for it and are of it; None where there are no such. ``taken_for`` is the wrong class that
    most of its images were taken for, of equal ones the first, None where all are right.
    """
    rows = []
    for label, predictions in enumerate(matrix):
        images, right, taken = int(predictions.sum()), int(predictions[label]), int(matrix[:, label].sum())
        wrong = predictions.copy()
        wrong[label] = 0
        worst = int(wrong.argmax())
        rows.append(
            {
                "label": label,
                "images": images,
                "right": right,
                "accuracy": right / images if images else None,
                "precision": right / taken if taken else None,
                "taken_for": {"label": worst, "images": int(wrong[worst])} if wrong[worst] else None,
            }
        )
    return rows


def class_table(rows: list[dict[str, Any]], *, terminal: bool) -> str:
    """``class_rows`` as a table."""
    cells = [
        [
            str(row["label"]),
            f"{row['images']:,}" if terminal else str(row["images"]),
            f"{row['right']:,}" if terminal else str(row["right"]),
            _share(row["accuracy"]),
            _share(row["precision"]),
            _taken(row),
        ]
        for row in rows
    ]
    return table(_COLUMNS, cells, terminal=terminal)


def _taken(row: dict[str, Any]) -> str:
    wrong = row["taken_for"]
    return "" if wrong is None else f"{wrong['label']} ({wrong['images']} of {row['images']})"


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.4f}"
