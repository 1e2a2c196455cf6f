"""What ``netcli gradcheck`` says of a checked net, as JSON and as a table."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from netcli.net.gradient_check import BlobResult, LayerResult, Settings
from netcli.net.net import Net
from netcli.report.tables import Column, table
from netcli.schema import caffe_pb2 as pb

SCHEMA = 1

_COLUMNS = (
    Column("layer"),
    Column("type"),
    Column("blob"),
    Column("shape"),
    Column("checked", right=True),
    Column("kinks", right=True),
    Column("backward", right=True),
    Column("differences", right=True),
    Column("error", right=True),
    Column("result"),
)


def gradient_summary(net: Net, settings: Settings, results: Sequence[LayerResult]) -> dict[str, Any]:
    """The object of ``netcli gradcheck --json``; numbers that are not finite become null."""
    return {
        "schema": SCHEMA,
        "name": net.name,
        "phase": pb.Phase.Name(net.phase),
        **dataclasses.asdict(settings),
        "passed": all(result.passed for result in results),
        "layers": [
            {
                "name": result.step.name,
                "type": result.step.layer.type_name,
                "passed": result.passed,
                "reason": result.reason or None,
                "blobs": [_blob(blob) for blob in result.blobs],
            }
            for result in results
        ],
    }


def gradient_table(results: Sequence[LayerResult], *, terminal: bool) -> str:
    """One row for each blob that was checked, with its worst element, and for each that was not, with the reason."""
    rows = []
    for result in results:
        named = [result.step.name, result.step.layer.type_name]
        if not result.blobs:
            rows.append([*named, *[""] * 7, f"not checked: {result.reason}"])
        rows += [[*named, *_row(blob)] for blob in result.blobs]
    return table(_COLUMNS, rows, terminal=terminal)


def gradient_line(results: Sequence[LayerResult]) -> str:
    """How many layers were checked, and how many are wrong."""
    checked = [result for result in results if any(blob.checked for blob in result.blobs)]
    elements = sum(blob.checked for result in results for blob in result.blobs)
    wrong = sum(not result.passed for result in results)
    return (
        f"{len(checked)} of {len(results)} layers checked, at {elements} elements: "
        f"{'all agree' if not wrong else f'{wrong} wrong'}"
    )


def _blob(blob: BlobResult) -> dict[str, Any]:
    worst = blob.worst
    return {
        "kind": blob.kind,
        "index": blob.index,
        "name": blob.blob,
        "shape": list(blob.shape),
        "checked": blob.checked,
        "kinks": blob.kinks,
        "passed": blob.passed,
        "reason": blob.reason or None,
        "error": _finite(blob.error),
        "worst": worst
        and {"index": list(worst.index), "backward": _finite(worst.analytic), "differences": _finite(worst.numeric)},
    }


def _row(blob: BlobResult) -> list[str]:
    shape = "x".join(map(str, blob.shape)) or "()"
    if blob.reason:
        return [blob.blob, shape, *[""] * 5, f"not checked: {blob.reason}"]
    checked = [blob.blob, shape, str(blob.checked), str(blob.kinks)]
    if blob.worst is None:
        return [*checked, *[""] * 3, "not checked: only kinks" if blob.kinks else "empty"]
    values = [f"{blob.worst.analytic + 0.0:.4g}", f"{blob.worst.numeric + 0.0:.4g}", f"{blob.error:.1e}"]
    return [*checked, *values, "ok" if blob.passed else "WRONG"]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
