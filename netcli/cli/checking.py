"""What ``netcli check`` does: every file parsed, every net of it planned for both phases, no finding twice."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from netcli.cli.fixed_feeds import FixedFeeds, ItemShape
from netcli.data.feed import Feeds
from netcli.errors import ConfigError, Finding, NetcliError, Place
from netcli.net.graph import build_graph
from netcli.prototxt import NetSource, SolverSource, load
from netcli.schema import caffe_pb2 as pb
from netcli.solver.settings import check_max_iter, check_settings

SCHEMA = 1
SHAPE_UNKNOWN = "NC130"
NO_LAYERS = "NC113"


@dataclasses.dataclass
class CheckReport:
    """The findings on ``files`` files."""

    files: int
    findings: list[Finding]

    @property
    def failed(self) -> bool:
        """True if one of the findings is an error."""
        return any(finding.severity == "error" for finding in self.findings)

    def summary(self) -> str:
        """``3 files: 1 error, 2 notes``."""
        counts = Counter(finding.severity for finding in self.findings)
        found = [_plural(counts[kind], kind) for kind in ("error", "warning", "note") if counts[kind]]
        return f"{_plural(self.files, 'file')}: {', '.join(found) or 'nothing to report'}"

    def as_json(self) -> dict[str, Any]:
        """The promised object of ``netcli check --format json``."""
        return {"schema": SCHEMA, "files": self.files, "findings": [_as_json(finding) for finding in self.findings]}


def check_paths(paths: Sequence[str], item_shape: ItemShape | None = None) -> CheckReport:
    """Checks each file, and each ``*.prototxt`` in each folder.

    Args:
        paths: files and folders.
        item_shape: (C, H, W) for data layers whose data are not at hand.
    """
    files: list[str] = []
    findings: list[Finding] = []
    for path in paths:
        if Path(path).is_dir():
            inside = sorted(map(str, Path(path).rglob("*.prototxt")))
            files += inside
            if not inside:
                findings += ConfigError.of("NC001", "a folder without *.prototxt files", place=Place(path)).findings
        else:
            files.append(path)
    files = list(dict.fromkeys(files))
    for file in files:
        findings += check_file(file, item_shape)
    return CheckReport(len(files), _each_once(findings))


def check_file(file: str, item_shape: ItemShape | None = None) -> list[Finding]:
    """All that can be said of one net or solver without its data."""
    try:
        source = load(file)
    except NetcliError as error:
        return error.findings
    findings = list(source.notices)
    if isinstance(source, SolverSource):
        findings += _check_solver(source, item_shape)
    else:
        findings += _check_net(source, item_shape)
    return findings


def _check_solver(solver: SolverSource, item_shape: ItemShape | None) -> list[Finding]:
    findings = [*check_settings(solver), *check_max_iter(solver)]
    nets: list[NetSource] = []
    try:
        nets.append(solver.train_net())
    except NetcliError as error:
        findings += error.findings
    try:
        nets += solver.test_nets()
    except NetcliError as error:
        findings += error.findings
    for net in nets:
        findings += net.notices
        findings += _plan(net, None, item_shape)
    return findings


def _check_net(net: NetSource, item_shape: ItemShape | None) -> list[Finding]:
    """Both phases; a net may well be meant for one of them alone, so only the other must have layers."""
    by_phase = [_plan(net, phase, item_shape) for phase in (pb.TRAIN, pb.TEST)]
    empty = [[finding.code for finding in findings] == [NO_LAYERS] for findings in by_phase]
    if all(empty):
        return by_phase[0]
    return [finding for findings, is_empty in zip(by_phase, empty, strict=True) if not is_empty for finding in findings]


def _plan(net: NetSource, phase: int | None, item_shape: ItemShape | None) -> list[Finding]:
    try:
        graph = build_graph(net, phase, feeds=FixedFeeds(Feeds(net.file), item_shape))
    except NetcliError as error:
        return [_lenient(finding) for finding in error.findings]
    return graph.notices


def _lenient(finding: Finding) -> Finding:
    """The data of a net may well be elsewhere: that their shape is not known is no error of the file."""
    if finding.code != SHAPE_UNKNOWN:
        return finding
    return dataclasses.replace(
        finding,
        severity="note",
        message=f"{finding.message}; the layers behind it are not checked",
        hint="give the shape with --input-shape C,H,W",
    )


def _each_once(findings: Iterable[Finding]) -> list[Finding]:
    """In order, without what the other phase or another path to the same net has said already."""
    unique: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        place = finding.place and (str(Path(finding.place.file).absolute()), finding.place.line, finding.place.column)
        unique.setdefault((finding.code, place, finding.layer, finding.message, finding.actual), finding)
    return list(unique.values())


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


def _plural(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")
