"""Findings as JUnit's XML, which every CI server shows: a test case for each file, failed by its errors.

Source: https://github.com/testmoapp/junitxml, the form that CI servers agree on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from netcli.errors import Finding
from netcli.report.findings.wording import relative_path

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(files: Sequence[str], findings: Sequence[Finding], *, strict: bool) -> str:
    """The document. What does not fail the check stands in the case's ``system-out``.

    Args:
        files: the files that were checked; files that only findings name get a case too.
        strict: whether warnings fail a file as errors do.
    """
    by_file: dict[str, list[Finding]] = {relative_path(file): [] for file in files}
    for finding in findings:
        by_file.setdefault(relative_path(finding.place.file) if finding.place else "", []).append(finding)
    failing = ("error", "warning") if strict else ("error",)
    cases = [_case(file, found, failing) for file, found in by_file.items()]
    failed = sum(any(finding.severity in failing for finding in found) for found in by_file.values())
    head = f'tests="{len(cases)}" failures="{failed}" errors="0"'
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f"<testsuites {head}>",
            f'  <testsuite name="netcli check" {head}>',
            *cases,
            "  </testsuite>",
            "</testsuites>",
        ]
    )


def _case(file: str, findings: Sequence[Finding], failing: Sequence[str]) -> str:
    name = f"    <testcase classname={_attribute('netcli.check')} name={_attribute(file)}"
    if not findings:
        return name + "/>"
    lines = [name + ">"]
    bad = [finding for finding in findings if finding.severity in failing]
    if bad:
        title = f"{bad[0].code}: {bad[0].message}" + (f" (and {len(bad) - 1} more)" if len(bad) > 1 else "")
        lines.append(f"      <failure message={_attribute(title)}>{_text(bad)}</failure>")
    rest = [finding for finding in findings if finding.severity not in failing]
    if rest:
        lines.append(f"      <system-out>{_text(rest)}</system-out>")
    return "\n".join([*lines, "    </testcase>"])


def _text(findings: Sequence[Finding]) -> str:
    return escape(_NOT_XML.sub("?", "\n".join(f"{finding.severity}: {finding}" for finding in findings)))


def _attribute(text: str) -> str:
    return quoteattr(_NOT_XML.sub("?", text))
