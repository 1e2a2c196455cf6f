"""Whether a prototxt is a net or a solver, and whether its errors let it be used."""

from __future__ import annotations

from netcli.errors import ConfigError, Finding
from netcli.prototxt.tokens import NAME, OTHER, tokenize
from netcli.schema import caffe_pb2 as pb

_NET_FIELDS = frozenset(pb.NetParameter.DESCRIPTOR.fields_by_name)
_SOLVER_FIELDS = frozenset(pb.SolverParameter.DESCRIPTOR.fields_by_name)


def is_solver_text(text: str) -> bool:
    """Whether a prototxt is a solver: the first top-level field that only one of the two has decides."""
    depth = 0
    for kind, token, _ in tokenize(text):
        if kind == OTHER:
            depth += (token in "{<[") - (token in "}>]")
        elif kind == NAME and depth <= 0 and (token in _NET_FIELDS) != (token in _SOLVER_FIELDS):
            return token in _SOLVER_FIELDS
    return False


def raise_errors(findings: list[Finding]) -> None:
    """Raise ConfigError with all findings if one of them is an error."""
    if any(finding.severity == "error" for finding in findings):
        raise ConfigError(findings)
