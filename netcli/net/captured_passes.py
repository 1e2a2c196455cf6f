"""Passes of a net captured into a graph, and what blobs must know when the graph runs again.

A graph reads and writes the arrays that stood where they stood at its capture. So before it runs, what it reads has to
be there, fresh; and afterwards what it writes is fresh there and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from netcli.runtime.blob import CUDA, Replicas
from netcli.runtime.cuda.graphs import Graph
from netcli.runtime.cuda.recording import NotCapturable


class StaleGraph(Exception):
    """An array no longer stands where it stood at the capture."""


class CapturedPasses:
    """What ``run`` does to ``replicas``, which are all that it may touch; it has run before.

    Raises:
        NotCapturable: a graph cannot hold it. Arrays may count as written that were not.
    """

    def __init__(self, replicas: Sequence[Replicas], run: Callable[[], object]) -> None:
        known = list({id(item): item for item in replicas}.values())
        before = [(item, item.on_device) for item in known]
        stamps = [item.stamp for item in known]
        self._graph = Graph(run)
        self._read = [(item, array) for item, array in before if array is not None]
        if any(item.on_device is not array for item, array in self._read):
            raise NotCapturable("arrays that change their places")
        self._written = [item for item, stamp in zip(known, stamps, strict=True) if item.stamp != stamp]

    def run(self) -> None:
        """Runs again. Raises StaleGraph, with nothing done, if an array has moved."""
        if any(item.read(CUDA) is not array for item, array in self._read):
            raise StaleGraph
        self._graph.launch()
        for item in self._written:
            item.write(CUDA)
