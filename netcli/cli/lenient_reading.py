"""Reading for ``netcli check``: a file with mistakes in single fields is still looked at as a whole."""

from __future__ import annotations

from netcli.errors import Finding, NetcliError
from netcli.prototxt import NetSource, SolverSource, is_solver_text, parse_text, read_text
from netcli.prototxt.upgrade import upgrade_net, upgrade_solver
from netcli.schema import caffe_pb2 as pb

_OF_ONE_FIELD = frozenset({"NC012", "NC013", "NC014", "NC015", "NC016", "NC018"})


def read_leniently(file: str) -> tuple[NetSource | SolverSource | None, list[Finding]]:
    """The net or solver in a file, and what is wrong with its text.

    Returns:
        The source, without the fields that could not be read; None if the mistakes leave its structure in doubt.

    Raises:
        ConfigError: the file cannot be read.
    """
    text = read_text(file)
    return _solver(text, file) if is_solver_text(text) else _net(text, file)


def _net(text: str, file: str) -> tuple[NetSource | None, list[Finding]]:
    param, node, findings = parse_text(text, pb.NetParameter, file)
    if not _structure_is_clear(findings):
        return None, findings
    try:
        upgraded, new_node, notices = upgrade_net(param, node, file)
    except NetcliError as error:
        return None, findings + error.findings
    return NetSource(upgraded, new_node, file, notices), findings


def _solver(text: str, file: str) -> tuple[SolverSource | None, list[Finding]]:
    param, node, findings = parse_text(text, pb.SolverParameter, file)
    if not _structure_is_clear(findings):
        return None, findings
    try:
        upgraded, new_node, notices = upgrade_solver(param, node, file)
    except NetcliError as error:
        return None, findings + error.findings
    return SolverSource(upgraded, new_node, file, notices), findings


def _structure_is_clear(findings: list[Finding]) -> bool:
    return all(finding.code in _OF_ONE_FIELD for finding in findings if finding.severity == "error")
