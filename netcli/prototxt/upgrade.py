"""Old nets and solvers brought to the modern form."""

from __future__ import annotations

from netcli.errors import Finding
from netcli.prototxt.nodes import Node
from netcli.schema import caffe_pb2 as pb


def upgrade_net(
    param: pb.NetParameter, node: Node | None, file: str | None
) -> tuple[pb.NetParameter, Node | None, list[Finding]]:
    """The modern form of a net."""
    return param, node, []


def upgrade_solver(
    param: pb.SolverParameter, node: Node | None, file: str | None
) -> tuple[pb.SolverParameter, Node | None, list[Finding]]:
    """The modern form of a solver."""
    return param, node, []
