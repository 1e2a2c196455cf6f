"""Prototxt in: text to modern messages, with the position of every field."""

from netcli.prototxt.files import read_text, resolve_path
from netcli.prototxt.filtering import filtered
from netcli.prototxt.kinds import is_solver_text
from netcli.prototxt.loading import load, upgrade_text
from netcli.prototxt.net_source import LayerSource, NetSource, load_net
from netcli.prototxt.nodes import Node
from netcli.prototxt.parser import parse_text
from netcli.prototxt.solver_source import SolverSource, load_solver
from netcli.prototxt.text import to_text

__all__ = [
    "LayerSource",
    "NetSource",
    "Node",
    "SolverSource",
    "filtered",
    "is_solver_text",
    "load",
    "load_net",
    "load_solver",
    "parse_text",
    "read_text",
    "resolve_path",
    "to_text",
    "upgrade_text",
]
