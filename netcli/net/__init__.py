"""The net: a graph of layers inferred from a prototxt, and forward and backward over it."""

from netcli.net.graph import Graph, Step, build_graph
from netcli.net.net import Net

__all__ = ["Graph", "Net", "Step", "build_graph"]
