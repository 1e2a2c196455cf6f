"""Layout of directed acyclic graphs: ranks from top to bottom, columns that are as straight as they can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netcli.report.drawing.ranks import Ranked, ranked
from netcli.report.drawing.straightening import positions


@dataclass
class Layout:
    """Where everything stands.

    Attributes:
        x, y: the middle of each node. Bends come after the nodes that were given.
        paths: the nodes and bends that each edge goes through, its ends included.
        width, height: of all.
    """

    x: list[float]
    y: list[float]
    paths: list[list[int]]
    width: float
    height: float


def layered(
    sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]], gap_x: float, gap_y: float
) -> Layout:
    """Lays out nodes of ``sizes`` (width, height), whose ``edges`` (from, to) all go to a later node.

    Args:
        gap_x, gap_y: between neighbours in a rank, and between ranks.
    """
    graph = ranked(len(sizes), edges)
    widths = [sizes[node][0] if node < len(sizes) else 0.0 for node in range(len(graph.rank))]
    x = positions(graph, widths, gap_x)
    left = min(place - width / 2 for place, width in zip(x, widths, strict=True))
    x = [place - left for place in x]
    y, height = _heights(graph, sizes, gap_y)
    return Layout(x, y, graph.paths, max(place + width / 2 for place, width in zip(x, widths, strict=True)), height)


def _heights(graph: Ranked, sizes: Sequence[tuple[float, float]], gap: float) -> tuple[list[float], float]:
    """The vertical middle of each node: ranks below each other, nodes in the middle of theirs."""
    y, top = [0.0] * len(graph.rank), 0.0
    for row in graph.rows:
        height = max((sizes[node][1] for node in row if node < len(sizes)), default=0.0)
        for node in row:
            y[node] = top + height / 2
        top += height + gap
    return y, top - gap
