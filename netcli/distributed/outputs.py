"""From the outputs of the parts of a batch to those of the batch."""

from __future__ import annotations

import numpy as np

from netcli.distributed.world import World
from netcli.net import Net
from netcli.net.batch_parts import loss_factors
from netcli.solver.outputs import output_arrays


def of_whole_batch(net: Net, world: World) -> dict[str, np.ndarray]:
    """The outputs of the training net by name, flat: means and sums over all items, lists of what each item gives.

    All processes must call it.
    """
    parts = world.gather(output_arrays(net))
    factors = world.gather(_factors(net))
    lists = _one_for_each_item(net)
    whole = {}
    for name in net.outputs:
        if name in lists:
            whole[name] = np.concatenate([part[name] for part, own in zip(parts, factors, strict=True) if own[name]])
        else:
            counting = [part[name] * own[name] for part, own in zip(parts, factors, strict=True) if own[name]]
            whole[name] = np.sum(counting, axis=0)
    return whole


def _factors(net: Net) -> dict[str, float]:
    """What each output of this part counts for."""
    steps, share = net.graph.steps, net.context.share
    return {
        top: factor
        for step, factors in zip(steps, loss_factors(steps, share), strict=True)
        for top, factor in zip(step.tops, factors, strict=True)
    }


def _one_for_each_item(net: Net) -> set[str]:
    """Outputs that are neither numbers nor means over the batch."""
    return {
        top
        for step in net.graph.steps
        for index, top in enumerate(step.tops)
        if net.blobs[top].shape and not step.layer.averages_batch(index)
    }
