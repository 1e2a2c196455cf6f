"""``--set field=value``: fields of a solver overridden from the command line."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.descriptor import FieldDescriptor

from netcli.errors import ConfigError
from netcli.prototxt import SolverSource, parse_text
from netcli.prototxt.upgrade import upgrade_solver
from netcli.schema import caffe_pb2 as pb

_FIELDS = pb.SolverParameter.DESCRIPTOR.fields_by_name


def with_overrides(solver: SolverSource, assignments: Iterable[tuple[str, str]]) -> SolverSource:
    """A copy of ``solver`` in which each assigned field has the new value instead of its own.

    Values are prototxt: ``base_lr=0.1``, ``stepvalue=[10, 20]``, ``solver_mode=CPU``; text may do without its
    quotes. A field that is assigned twice and is repeated gets both values.

    Raises:
        ConfigError: an unknown field or a value of the wrong type, for all assignments at once.
    """
    param = pb.SolverParameter()
    param.CopyFrom(solver.param)
    node = solver.node
    text = "\n".join(f"{field}: {_quoted(field, value)}" for field, value in assignments)
    given, given_node, findings = parse_text(text, pb.SolverParameter, "--set")
    if findings:
        raise ConfigError(findings)
    for field in {field for field, _ in assignments}:
        param.ClearField(field)
        if node is not None:
            node = node.with_children(field, given_node.children[field])
    param.MergeFrom(given)
    upgraded, new_node, notices = upgrade_solver(param, node, solver.file)
    return SolverSource(upgraded, new_node, solver.file, solver.notices + notices)


def _quoted(field: str, value: str) -> str:
    """``value`` in quotes if the field is text and the user has left them out."""
    known = _FIELDS.get(field)
    if known is None or known.type != FieldDescriptor.TYPE_STRING or value[:1] in ("'", '"', "["):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
