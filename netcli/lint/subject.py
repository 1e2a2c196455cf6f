"""What the rules look at: the planned nets of one file, and the solver that they belong to."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field

from netcli.errors import Finding
from netcli.layers.feeding import FeedSource
from netcli.layers.layer import Layer
from netcli.net.graph import Graph, build_graph
from netcli.net.wiring import Wiring
from netcli.prototxt import LayerSource, NetSource, SolverSource, filtered
from netcli.runtime.blob import Shape
from netcli.schema import caffe_pb2 as pb


@dataclass(frozen=True)
class PlannedNet:
    """A net as it is in one phase.

    Attributes:
        source: the net as it was read, for all phases.
        layers: those of this phase in order, without splits; ``wiring`` is theirs.
        graph: the plan, splits included.
    """

    source: NetSource
    phase: int
    layers: list[LayerSource]
    graph: Graph

    @functools.cached_property
    def wiring(self) -> Wiring:
        """Who makes and who reads each blob."""
        return Wiring(self.layers)

    @functools.cached_property
    def planned(self) -> dict[str, Layer]:
        """The planned layers by name."""
        return {step.layer.name: step.layer for step in self.graph.steps}

    def shape(self, blob: str) -> Shape | None:
        """The shape of a blob, None where it is known only at run time."""
        return self.graph.shapes.get(blob)

    def of_type(self, *types: str) -> Iterator[tuple[int, LayerSource]]:
        """The layers of these types with their positions."""
        for index, source in enumerate(self.layers):
            if source.param.type in types:
                yield index, source


@dataclass(frozen=True)
class Subject:
    """One file's nets, each in the phases it is run in; ``solver`` is None for a net that stands alone."""

    nets: list[PlannedNet]
    solver: SolverSource | None = field(default=None)

    def in_phase(self, phase: int) -> list[PlannedNet]:
        """The nets of phase pb.TRAIN or pb.TEST."""
        return [net for net in self.nets if net.phase == phase]


def plan(source: NetSource, phase: int | None, feeds: FeedSource) -> PlannedNet:
    """Plans a net for one phase; None: that of the net's own state. Raises ConfigError with all that is wrong."""
    state = pb.NetState()
    state.CopyFrom(source.param.state)
    if phase is not None:
        state.MergeFrom(pb.NetState(phase=pb.Phase.Name(phase)))
    graph = build_graph(source, phase, feeds=feeds)
    return PlannedNet(source, state.phase, filtered(source, state).layers(), graph)


def warning(code: str, message: str, layer: LayerSource, *where: str | int, hint: str | None = None) -> Finding:
    """A warning about a layer, at its field ``where``."""
    return Finding(
        code,
        message,
        "warning",
        place=layer.place(*where),
        layer=layer.param.name,
        layer_type=layer.param.type,
        hint=hint,
    )


def solver_warning(
    solver: SolverSource, code: str, message: str, *where: str | int, hint: str | None = None
) -> Finding:
    """A warning about a solver, at its field ``where``."""
    return Finding(code, message, "warning", place=solver.place(*where), hint=hint)
