"""What a net must have beyond a plan to be trained."""

from __future__ import annotations

from netcli.errors import Finding, Place
from netcli.net.graph import Graph


def check_trainable(graph: Graph, place: Place | None) -> list[Finding]:
    """NC115 if no top has a loss weight: there would be nothing to minimise, and nothing would change."""
    if any(weight for step in graph.steps for weight in step.loss_weights):
        return []
    return [
        Finding(
            "NC115",
            "the net to train has no loss",
            place=place,
            hint="end it in a loss layer, such as SoftmaxWithLoss, or give a top a loss_weight",
        )
    ]
