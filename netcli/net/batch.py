"""How many images a pass of a net takes."""

from __future__ import annotations

from netcli.layers.source.fed_layer import FedLayer
from netcli.net.net import Net


def batch_size(net: Net) -> int:
    """The first axis of what the first data layer reads; without one, of the first blob from outside; else 1.

    Fillers may stand before the data layer, with a first axis that counts something else.
    """
    outside = [step for step in net.graph.steps if not step.bottoms and step.tops]
    fed = [step for step in outside if isinstance(step.layer, FedLayer)]
    for step in (*fed, *outside):
        shape = net.blobs[step.tops[0]].shape
        return shape[0] if shape else 1
    return 1
