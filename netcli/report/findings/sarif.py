"""Findings as SARIF 2.1.0, which code scanning services and editors read.

Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0, 2020.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from netcli import __version__
from netcli.catalogue import CATALOGUE
from netcli.errors import Finding, Place
from netcli.report.findings.wording import in_words, relative_path

SCHEMA_URI = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"


def sarif_log(findings: Sequence[Finding]) -> dict[str, Any]:
    """One run, with a rule for each code that occurs and a result for each finding.

    Files below the working directory are named relative to it, others by a ``file:`` URI.
    """
    codes = sorted({finding.code for finding in findings})
    driver = {
        "name": "netcli",
        "version": __version__,
        "rules": [{"id": code, "shortDescription": {"text": CATALOGUE.get(code, code)}} for code in codes],
    }
    results = [_result(finding, codes.index(finding.code)) for finding in findings]
    return {
        "$schema": SCHEMA_URI,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    }


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.severity,
        "message": {"text": in_words(finding)},
    }
    if finding.place:
        result["locations"] = [{"physicalLocation": _location(finding.place)}]
    return result


def _location(place: Place) -> dict[str, Any]:
    path = relative_path(place.file)
    uri = Path(os.path.abspath(path)).as_uri() if os.path.isabs(path) else quote(path)
    location: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if place.line:
        location["region"] = {"startLine": place.line, "startColumn": place.column}
    return location
