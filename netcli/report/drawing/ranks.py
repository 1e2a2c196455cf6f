"""Ranks of a directed acyclic graph from top to bottom, after Sugiyama, Tagawa and Toda (1981).

Every edge goes down. Edges over several ranks are cut by bends, so that in the end each edge joins neighbouring ranks.
The order within ranks comes from barycentres; of all that are tried the one with the fewest crossings is kept.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

ORDER_SWEEPS = 12


@dataclass
class Ranked:
    """Nodes and bends in rows, and which of them are joined.

    Attributes:
        nodes: how many there are; bends are numbered after them.
        rank: of nodes and bends; ``rows``: those of each rank from left to right.
        above, below: what each is joined to in the neighbouring ranks.
        paths: the nodes and bends that each edge goes through, its ends included.
    """

    nodes: int
    rank: list[int]
    rows: list[list[int]] = field(default_factory=list)
    above: list[list[int]] = field(default_factory=list)
    below: list[list[int]] = field(default_factory=list)
    paths: list[list[int]] = field(default_factory=list)


def ranked(count: int, edges: Sequence[tuple[int, int]]) -> Ranked:
    """``count`` nodes in rows; ``edges`` (from, to) all go to a later node."""
    graph = _with_bends(_ranks(count, edges), edges)
    _order(graph)
    return graph


def _ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Each node right below the lowest it depends on; what depends on nothing right above the first that needs it."""
    rank = [0] * count
    targets: list[list[int]] = [[] for _ in range(count)]
    has_source = [False] * count
    for source, target in sorted(edges):
        rank[target] = max(rank[target], rank[source] + 1)
        targets[source].append(target)
        has_source[target] = True
    for node in range(count):
        # A source with its single blob moves down together with it.
        if not has_source[node] and len(targets[node]) == 1:
            (wire,) = targets[node]
            if targets[wire]:
                rank[wire] = min(rank[target] for target in targets[wire]) - 1
                rank[node] = rank[wire] - 1
    least = min(rank, default=0)
    return [place - least for place in rank]


def _with_bends(rank: list[int], edges: Sequence[tuple[int, int]]) -> Ranked:
    graph = Ranked(len(rank), list(rank))
    for source, target in edges:
        bends = list(range(len(graph.rank), len(graph.rank) + rank[target] - rank[source] - 1))
        graph.rank += range(rank[source] + 1, rank[target])
        graph.paths.append([source, *bends, target])
    graph.above = [[] for _ in graph.rank]
    graph.below = [[] for _ in graph.rank]
    for path in graph.paths:
        for upper, lower in itertools.pairwise(path):
            graph.below[upper].append(lower)
            graph.above[lower].append(upper)
    graph.rows = [[] for _ in range(max(graph.rank, default=-1) + 1)]
    for node, place in enumerate(graph.rank):
        graph.rows[place].append(node)
    return graph


def _order(graph: Ranked) -> None:
    """Sweeps down and up by barycentres; leaves the order with the fewest crossings in ``rows``."""
    best, fewest = [list(row) for row in graph.rows], _crossings(graph)
    for sweep in range(ORDER_SWEEPS):
        down = sweep % 2 == 0
        neighbours = graph.above if down else graph.below
        for row, other in _neighbouring_rows(graph.rows, down):
            place = {node: index for index, node in enumerate(other)}
            old = {node: index for index, node in enumerate(row)}
            row.sort(key=lambda node: (_mean([place[n] for n in neighbours[node]], old[node]), old[node]))
        crossings = _crossings(graph)
        if crossings < fewest:
            best, fewest = [list(row) for row in graph.rows], crossings
    graph.rows = best


def _neighbouring_rows(rows: list[list[int]], down: bool) -> list[tuple[list[int], list[int]]]:
    """(a row, the one it follows) in the order of a sweep."""
    ordered = rows if down else rows[::-1]
    return list(zip(ordered[1:], ordered, strict=False))


def _crossings(graph: Ranked) -> int:
    """Pairs of edges between neighbouring ranks that cross."""
    count = 0
    for upper, lower in zip(graph.rows, graph.rows[1:], strict=False):
        place = {node: index for index, node in enumerate(lower)}
        ends = [place[target] for node in upper for target in sorted(graph.below[node], key=place.__getitem__)]
        count += sum(first > second for index, first in enumerate(ends) for second in ends[index + 1 :])
    return count


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default
