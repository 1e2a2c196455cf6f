"""Layout of directed acyclic graphs: ranks from top to bottom, columns that are as straight as they can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netcli.report.drawing.ranks import ranked
from netcli.report.drawing.straightening import positions


@dataclass
class Layout:
    """Where everything stands.

    Attributes:
        x, y: the middle of each node. Bends come after the nodes that were given.
        row_heights: of the rank that each stands in; there lines are to be upright, so that they pass by its nodes.
        paths: the nodes and bends that each edge goes through, its ends included.
        width, height: of all.
    """

    x: list[float]
    y: list[float]
    row_heights: list[float]
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
    width = max(place + width / 2 for place, width in zip(x, widths, strict=True))
    y, row_heights, top = [0.0] * len(x), [0.0] * len(x), 0.0
    for row in graph.rows:
        height = max((sizes[node][1] for node in row if node < len(sizes)), default=0.0)
        for node in row:
            y[node], row_heights[node] = top + height / 2, height
        top += height + gap_y
    return Layout(x, y, row_heights, graph.paths, width, top - gap_y)
