"""Horizontal positions in a ranked graph such that long lines are straight, after Brandes and Köpf (2001).

As there, nodes of neighbouring ranks that are joined are aligned, at most one with one and without crossings, so that
whole columns ("blocks") share a position. Unlike there, which pairs are aligned is decided by what they join (lines
through bends first, then a layer with its neighbour, then what goes around), and there is one alignment, not the mean
of four. The columns then move, one after the other, to where their neighbours pull them, as far as there is room.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from netcli.report.drawing.ranks import Ranked

SWEEPS = 60
MANY = 3
"""From this many on, lines that meet in a node are none of them its straight continuation."""


def positions(graph: Ranked, widths: Sequence[float], gap: float) -> list[float]:
    """The horizontal middle of each node.

    Args:
        widths: of nodes and bends, which have none.
        gap: between neighbours in a rank.
    """
    blocks = _blocks(graph)
    block_of = {node: index for index, block in enumerate(blocks) for node in block}
    rooms = _rooms(graph, block_of, widths, gap)
    x = _leftmost(len(blocks), rooms)
    pulls = [
        [block_of[other] for node in block for other in (*graph.above[node], *graph.below[node])
         if block_of[other] != index]
        for index, block in enumerate(blocks)
    ]  # fmt: skip
    for sweep in range(SWEEPS):
        order = sorted(range(len(blocks)), key=x.__getitem__, reverse=sweep % 2 == 0)
        for block in order:
            if pulls[block]:
                wanted = sum(x[other] for other in pulls[block]) / len(pulls[block])
                low = max((x[left] + room for left, room in rooms[0][block].items()), default=-math.inf)
                high = min((x[right] - room for right, room in rooms[1][block].items()), default=math.inf)
                x[block] = max(low, min(high, wanted))
    return [x[block_of[node]] for node in range(len(graph.rank))]


def _blocks(graph: Ranked) -> list[list[int]]:
    """Columns of aligned nodes, each from top to bottom."""
    lower_of: dict[int, int] = {}
    for upper, lower in zip(graph.rows, graph.rows[1:], strict=False):
        lower_of.update(_aligned(graph, upper, lower))
    followers = set(lower_of.values())
    blocks = []
    for node in range(len(graph.rank)):
        if node not in followers:
            block = [node]
            while block[-1] in lower_of:
                block.append(lower_of[block[-1]])
            blocks.append(block)
    return blocks


def _aligned(graph: Ranked, upper: list[int], lower: list[int]) -> dict[int, int]:
    """Pairs of joined nodes in two ranks, greedily by importance: none crosses another or shares a node with it."""
    top, bottom = ({node: index for index, node in enumerate(row)} for row in (upper, lower))
    edges = [
        (top[node], bottom[other])
        for node in upper
        for other in graph.below[node]
        # Whoever joins many stands in their middle instead.
        if max(len(graph.below[node]), len(graph.above[other])) < MANY
    ]
    ranked = sorted(edges, key=lambda edge: _importance(graph, upper[edge[0]], lower[edge[1]], top, bottom))
    chosen: list[tuple[int, int]] = []
    for above, below in ranked:
        if all((above - other) * (below - partner) > 0 for other, partner in chosen):
            chosen.append((above, below))
    return {upper[above]: lower[below] for above, below in chosen}


def _importance(
    graph: Ranked, above: int, below: int, top: dict[int, int], bottom: dict[int, int]
) -> tuple[int, float, int]:
    """Less is more important: two bends, two nodes, one of each; then what lies in the middle of its siblings."""
    bends = (above >= graph.nodes) + (below >= graph.nodes)
    siblings = sorted(bottom[node] for node in graph.below[above] if (node >= graph.nodes) == (below >= graph.nodes))
    parents = sorted(top[node] for node in graph.above[below] if (node >= graph.nodes) == (above >= graph.nodes))
    away = abs(siblings.index(bottom[below]) - (len(siblings) - 1) / 2)
    away += abs(parents.index(top[above]) - (len(parents) - 1) / 2)
    return (0, 2, 0)[bends] if bends != 0 else 1, away, top[above]


def _rooms(
    graph: Ranked, block_of: dict[int, int], widths: Sequence[float], gap: float
) -> tuple[list[dict[int, float]], list[dict[int, float]]]:
    """For each block its neighbours to the left, and to the right, with the distance to be kept."""
    count = max(block_of.values(), default=-1) + 1
    left: list[dict[int, float]] = [{} for _ in range(count)]
    right: list[dict[int, float]] = [{} for _ in range(count)]
    for row in graph.rows:
        for first, second in itertools.pairwise(row):
            a, b = block_of[first], block_of[second]
            room = (widths[first] + widths[second]) / 2 + gap
            left[b][a] = right[a][b] = max(left[b].get(a, 0.0), room)
    return left, right


def _leftmost(count: int, rooms: tuple[list[dict[int, float]], list[dict[int, float]]]) -> list[float]:
    """Each block as far left as its neighbours allow."""
    x: list[float | None] = [None] * count
    left, _ = rooms
    for start in range(count):
        stack = [start]
        while stack:
            missing = [other for other in left[stack[-1]] if x[other] is None]
            if missing:
                stack += missing
                continue
            block = stack.pop()
            x[block] = max(((x[other] or 0.0) + room for other, room in left[block].items()), default=0.0)
    return [place or 0.0 for place in x]
