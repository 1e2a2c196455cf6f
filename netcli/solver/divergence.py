"""Where a loss that is no number comes from: the first blob in the net's order with such values."""

from __future__ import annotations

import numpy as np

from netcli.errors import DivergedError
from netcli.net import Net
from netcli.runtime.blob import PLAIN, Blob
from netcli.solver.events import Diverged


def find_cause(net: Net, iteration: int, lr: float, loss: float) -> Diverged:
    """Looks through the parameters and tops of each layer, in the order of the forward pass that has just run."""
    for step in net.graph.steps:
        for index, param in enumerate(step.layer.params):
            if not _is_finite(param):
                return Diverged(iteration, lr, loss, step.name, f"param {index}")
        for top in step.tops:
            if not _is_finite(net.blobs[top]):
                return Diverged(iteration, lr, loss, step.name, top)
    return Diverged(iteration, lr, loss, None, None)


def diverged_error(net: Net, event: Diverged) -> DivergedError:
    """NC410, at the layer where it shows first."""
    where = f"first in '{event.blob}'" if event.blob else "no blob holds it"
    layer = net.layer(event.layer) if event.layer else None
    return DivergedError.of(
        "NC410",
        f"training diverged at iteration {event.iteration} (lr {event.lr:g}), {where}",
        place=layer.source.place() if layer else None,
        layer=event.layer,
        layer_type=layer.type_name if layer else None,
        expected="a finite loss",
        actual=event.loss,
        hint="lower base_lr, clip the gradients, or look at the data; the last snapshot is as it was",
    )


def _is_finite(blob: Blob) -> bool:
    return bool(np.isfinite(blob.values.read(PLAIN)).all())
