"""Findings as the JSON object that ``netcli check --format json`` promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netcli.errors import Finding

SCHEMA = 1


def json_object(files: int, findings: Sequence[Finding]) -> dict[str, Any]:
    """``{"schema", "files", "findings"}``; lines and columns count from 1 and are null where they are not known."""
    return {"schema": SCHEMA, "files": files, "findings": [_as_json(finding) for finding in findings]}


def _as_json(finding: Finding) -> dict[str, Any]:
    place = finding.place
    return {
        "code": finding.code,
        "severity": finding.severity,
        "file": place.file if place else None,
        "line": place.line or None if place else None,
        "column": place.column or None if place else None,
        "layer": finding.layer,
        "layer_type": finding.layer_type,
        "message": finding.message,
        "expected": finding.expected,
        "actual": finding.actual,
        "hint": finding.hint,
        "suggestion": finding.suggestion,
    }
