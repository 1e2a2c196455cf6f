"""Findings as workflow commands of GitHub Actions, which shows them at the lines of a pull request.

Source: https://docs.github.com/actions/reference/workflow-commands-for-github-actions, "Setting an error message".
"""

from __future__ import annotations

from collections.abc import Iterable

from netcli.errors import Finding
from netcli.report.findings.wording import in_words, relative_path

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def github_lines(findings: Iterable[Finding]) -> list[str]:
    """``::error file=net.prototxt,line=2,col=9,title=NC101::...`` for each finding."""
    return [_command(finding) for finding in findings]


def _command(finding: Finding) -> str:
    properties = []
    if finding.place:
        properties.append(f"file={_property(relative_path(finding.place.file))}")
        if finding.place.line:
            properties += [f"line={finding.place.line}", f"col={finding.place.column}"]
    properties.append(f"title={finding.code}")
    return f"::{_COMMANDS[finding.severity]} {','.join(properties)}::{_data(in_words(finding))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
