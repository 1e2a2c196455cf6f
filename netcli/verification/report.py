"""What ``netcli verify`` says of a verification: a table, JSON, and a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netcli.report.plotting import new_figure, save_figure
from netcli.report.tables import Column, table
from netcli.verification.measures import FALSE_POSITIVE_RATES, Roc, angular_fisher_score, histogram, roc
from netcli.verification.pairs import PairList
from netcli.verification.protocol import Verification, verify

SCHEMA = 1


@dataclass(frozen=True)
class Report:
    """The protocol's outcome, and the measures of the same scores.

    Attributes:
        roc: of all pairs, each with the score that it has when its fold is the test.
        fisher: the angular Fisher score of the features as they are; nan where it is not defined.
    """

    pairs: PairList
    verification: Verification
    roc: Roc
    fisher: float


def report(features: np.ndarray, pairs: PairList) -> Report:
    """Everything about ``features`` (images, D), one row for each image of ``pairs``. Raises RunError NC562."""
    verification = verify(features, pairs)
    curve = roc(verification.scores, verification.same)
    return Report(pairs, verification, curve, angular_fisher_score(features, pairs.people))


def report_json(found: Report) -> dict[str, Any]:
    """The object of ``netcli verify --json``; what is not defined is null."""
    verification, curve = found.verification, found.roc
    edges, same, different = histogram(verification.scores, verification.same)
    fpr, tpr = curve.corners()
    rates = [(rate, *curve.at(rate)) for rate in FALSE_POSITIVE_RATES]
    return {
        "schema": SCHEMA,
        "images": len(found.pairs.images),
        "pairs": {"same": curve.same, "different": curve.different},
        "folds": [
            {"pairs": fold.pairs, "accuracy": fold.accuracy, "threshold": fold.threshold} for fold in verification.folds
        ],
        "accuracy": {
            "mean": verification.mean,
            "deviation": verification.deviation,
            "standard_error": verification.standard_error,
        },
        "eer": curve.equal_error_rate,
        "tpr_at_fpr": [{"fpr": rate, "tpr": share, "false_positives": wrong} for rate, share, wrong in rates],
        "angular_fisher_score": None if math.isnan(found.fisher) else found.fisher,
        "roc": {"fpr": fpr.tolist(), "tpr": tpr.tolist()},
        "histogram": {"edges": edges.tolist(), "same": same.tolist(), "different": different.tolist()},
    }


def report_tables(found: Report, *, terminal: bool) -> str:
    """The folds, then the measures."""
    verification, curve = found.verification, found.roc
    rows = [
        [str(number), f"{fold.pairs:,}", f"{fold.accuracy:.4f}", f"{fold.threshold:.4f}"]
        for number, fold in enumerate(verification.folds, 1)
    ]
    folds = table([Column(title, right=True) for title in ("fold", "pairs", "accuracy", "threshold")], rows,
                  terminal=terminal)  # fmt: skip
    measures = [["accuracy", f"{verification.mean:.4f}", f"deviation {verification.deviation:.4f} over the folds"]]
    for rate in FALSE_POSITIVE_RATES:
        share, wrong = curve.at(rate)
        measures.append([f"TPR at FPR {rate:g}", f"{share:.4f}", f"{wrong:,} of {curve.different:,} taken for one"])
    measures.append(["equal error rate", f"{curve.equal_error_rate:.4f}", ""])
    fisher = "not defined" if math.isnan(found.fisher) else f"{found.fisher:.4f}"
    measures.append(["angular Fisher score", fisher, "the smaller, the better"])
    columns = [Column("measure"), Column("value", right=True), Column("remark")]
    return f"{folds}\n\n{table(columns, measures, terminal=terminal)}"


def plot_report(found: Report, path: Path) -> None:
    """The ROC with a logarithmic axis, and the scores of both kinds of pairs. Raises RunError NC552, NC459."""
    figure = new_figure(9, 3.8)
    left, right = figure.subplots(1, 2)
    fpr, tpr = found.roc.corners()
    least = 1 / (2 * found.roc.different)
    left.plot(np.maximum(fpr, least), tpr, color="tab:blue")
    left.plot([rate := found.roc.equal_error_rate], [1 - rate], "o", color="tab:red", label=f"equal error {rate:.2%}")
    left.set(xscale="log", xlim=(least, 1), ylim=(0, 1.02), xlabel="false positive rate", ylabel="true positive rate")
    left.grid(alpha=0.3)
    left.legend(loc="lower right")
    edges, same, different = histogram(found.verification.scores, found.verification.same)
    for counts, colour, label in ((same, "tab:green", "the same person"), (different, "tab:gray", "two people")):
        right.stairs(counts / counts.sum(), edges, fill=True, alpha=0.5, color=colour, label=label)
    right.set(xlabel="cosine", ylabel="share of the pairs", xlim=(-1, 1), xticks=np.linspace(-1, 1, 5))
    right.legend()
    verification = found.verification
    figure.suptitle(f"accuracy {verification.mean:.2%} ± {verification.deviation:.2%}", fontsize=10)
    save_figure(figure, path)
