"""What ``netcli check`` does: every file parsed, every net of it planned for both phases, no finding twice."""

from __future__ import annotations

import dataclasses
import glob
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from netcli.cli.fixed_feeds import FixedFeeds, ItemShape
from netcli.cli.lenient_reading import read_leniently
from netcli.data.feed import Feeds
from netcli.errors import ConfigError, Finding, NetcliError, Place
from netcli.lint.rules import lint
from netcli.lint.sharing import unlike_parameters
from netcli.lint.sources import source_findings
from netcli.lint.subject import PlannedNet, Subject, plan
from netcli.lint.suppression import without_ignored
from netcli.net.trainable import check_trainable
from netcli.prototxt import NetSource, SolverSource, read_text, resolve_path
from netcli.schema import caffe_pb2 as pb
from netcli.solver.settings import check_max_iter, check_settings

SHAPE_UNKNOWN = "NC130"
NO_LAYERS = "NC113"

_LIKELY_ITEMS: tuple[ItemShape, ...] = ((3, 256, 256), (3, 32, 32), (1, 28, 28))
"""Shapes to try where the data are not at hand: what is wrong with each of them is wrong whatever the data are."""


@dataclasses.dataclass
class CheckReport:
    """The findings on ``files``."""

    files: list[str]
    findings: list[Finding]

    def failed(self, *, strict: bool) -> bool:
        """True if one of the findings is an error or, with ``strict``, a warning."""
        failing = ("error", "warning") if strict else ("error",)
        return any(finding.severity in failing for finding in self.findings)

    def summary(self) -> str:
        """``3 files: 1 error, 2 notes``."""
        counts = Counter(finding.severity for finding in self.findings)
        found = [_plural(counts[kind], kind) for kind in ("error", "warning", "note") if counts[kind]]
        return f"{_plural(len(self.files), 'file')}: {', '.join(found) or 'nothing to report'}"


def check_paths(paths: Sequence[str], item_shape: ItemShape | None = None) -> CheckReport:
    """Checks each file, each ``*.prototxt`` in each folder, and each file that a pattern matches.

    Args:
        paths: files, folders and patterns with ``*``, ``?``, ``[...]`` or ``**``.
        item_shape: (C, H, W) for data layers whose data are not at hand.
    """
    files: dict[str, str] = {}
    findings: list[Finding] = []
    for path in paths:
        try:
            for file in _expanded(path):
                files.setdefault(os.path.realpath(file), file)
        except ConfigError as error:
            findings += error.findings
    unique = list(files.values())
    for file in unique:
        findings += check_file(file, item_shape)
    return CheckReport(unique, _without_ignored(_each_once(findings)))


def check_file(file: str, item_shape: ItemShape | None = None) -> list[Finding]:
    """All that can be said of one net or solver without its data, in the order of the text."""
    try:
        source, findings = read_leniently(file)
    except NetcliError as error:
        return error.findings
    if source is not None:
        if isinstance(source, SolverSource):
            behind = _check_solver(source, item_shape)
        else:
            behind = _check_net(source, item_shape)
        findings += _not_following_from(findings, behind)
    return sorted(findings, key=lambda finding: _order(finding, file))


def _expanded(path: str) -> list[str]:
    """The files that a path means. Raises ConfigError NC001 if a folder or a pattern holds none."""
    if os.path.isdir(path):
        inside = sorted(map(str, Path(path).rglob("*.prototxt")))
        if not inside:
            raise ConfigError.of("NC001", "a folder without *.prototxt files", place=Place(path))
        return inside
    if glob.has_magic(path) and not os.path.exists(path):
        matches = sorted(match for match in glob.glob(path, recursive=True) if os.path.isfile(match))
        if not matches:
            raise ConfigError.of("NC001", "a pattern that matches no file", place=Place(path))
        return matches
    return [path]


def _check_solver(solver: SolverSource, item_shape: ItemShape | None) -> list[Finding]:
    findings = [*solver.notices, *check_settings(solver), *check_max_iter(solver), *_check_weights(solver)]
    nets: list[NetSource] = []
    for nets_of in (lambda: [solver.train_net()], solver.test_nets):
        try:
            nets += nets_of()
        except NetcliError as error:
            findings += error.findings
    planned: list[PlannedNet] = []
    for net in nets:
        found, done = _plan(net, None, item_shape)
        findings += [*net.notices, *found]
        planned += [done] if done else []
    for ready in planned:
        findings += source_findings(ready)
        if ready.phase == pb.TRAIN:
            findings += check_trainable(ready.graph, _place_of_net(solver))
            for other in planned:
                findings += unlike_parameters(ready, other)
    if len(planned) == len(nets):
        findings += lint(Subject(planned, solver))
    return findings


def _check_weights(solver: SolverSource) -> list[Finding]:
    """NC001 for files of weights that are nowhere."""
    findings: list[Finding] = []
    for index, names in enumerate(solver.param.weights):
        for name in names.split(","):
            try:
                resolve_path(name.strip(), solver.file, solver.place("weights", index))
            except NetcliError as error:
                findings += error.findings
    return findings


def _check_net(net: NetSource, item_shape: ItemShape | None) -> list[Finding]:
    """Both phases; a net may well be meant for one of them alone, so only the other must have layers."""
    by_phase = [_plan(net, phase, item_shape) for phase in (pb.TRAIN, pb.TEST)]
    empty = [[finding.code for finding in findings] == [NO_LAYERS] for findings, _ in by_phase]
    if all(empty):
        return [*net.notices, *by_phase[0][0]]
    used = [phase for phase, is_empty in zip(by_phase, empty, strict=True) if not is_empty]
    findings = [*net.notices, *(finding for found, _ in used for finding in found)]
    planned = [done for _, done in used if done]
    for ready in planned:
        findings += source_findings(ready)
    return findings + (lint(Subject(planned)) if len(planned) == len(used) else [])


def _plan(net: NetSource, phase: int | None, item_shape: ItemShape | None) -> tuple[list[Finding], PlannedNet | None]:
    """The findings on a net in one phase, and the planned net if none of them is an error."""
    feeds = Feeds(net.file)
    try:
        planned = plan(net, phase, FixedFeeds(feeds, item_shape))
        return planned.graph.notices, planned
    except NetcliError as error:
        found = error.findings
    unknown = [finding for finding in found if finding.code == SHAPE_UNKNOWN]
    if not unknown:
        return found, None
    certain = _certain(net, phase, feeds)
    return [_without_shape(finding) for finding in unknown] + certain, None


def _certain(net: NetSource, phase: int | None, feeds: Feeds) -> list[Finding]:
    """What is wrong with a net whatever the shape of its data is."""
    by_shape: list[dict[object, Finding]] = []
    for shape in _LIKELY_ITEMS:
        try:
            plan(net, phase, FixedFeeds(feeds, shape))
            return []
        except NetcliError as error:
            by_shape.append({(finding.code, finding.place, finding.layer): finding for finding in error.findings})
    return [found for key, found in by_shape[0].items() if all(key in others for others in by_shape)]


def _without_shape(finding: Finding) -> Finding:
    """The data of a net may well be elsewhere: that their shape is not known is no error of the file."""
    return dataclasses.replace(
        finding,
        severity="note",
        message=f"{finding.message}; the layers behind it are checked for what is wrong with any shape",
        hint="give the shape with --input-shape C,H,W",
    )


def _place_of_net(solver: SolverSource) -> Place | None:
    named = next(
        (name for name in ("net", "train_net", "net_param", "train_net_param") if solver.param.HasField(name)), ""
    )
    return solver.place(named)


def _not_following_from(parse_findings: list[Finding], behind: list[Finding]) -> list[Finding]:
    """Where the text has errors, only what cannot be their consequence: another layer's type or fields."""
    if not any(finding.severity == "error" for finding in parse_findings):
        return behind
    broken = {finding.layer for finding in parse_findings}
    own = ("NC100", "NC101", "NC108", "NC120", "NC127")
    return [
        finding
        for finding in behind
        if finding.code >= "NC400" or (finding.code in own and finding.layer and finding.layer not in broken)
    ]


def _order(finding: Finding, file: str) -> tuple[bool, str, int, int]:
    place = finding.place
    return (place is None or place.file != file, place.file, place.line, place.column) if place else (False, "", 0, 0)


def _each_once(findings: Iterable[Finding]) -> list[Finding]:
    """In order, without what the other phase or another path to the same net has said already."""
    unique: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        place = finding.place and (os.path.realpath(finding.place.file), finding.place.line, finding.place.column)
        unique.setdefault((finding.code, place, finding.layer, finding.message, finding.actual), finding)
    return list(unique.values())


def _without_ignored(findings: list[Finding]) -> list[Finding]:
    """Without what the comments of the files ignore."""
    kept: list[Finding] = []
    by_file: dict[str, list[Finding]] = {}
    for finding in findings:
        by_file.setdefault(finding.place.file if finding.place else "", []).append(finding)
    for file, found in by_file.items():
        if all(finding.severity == "error" for finding in found):
            kept += found
            continue
        try:
            kept += without_ignored(found, read_text(file))
        except NetcliError:
            kept += found
    return kept


def _plural(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")
