"""Watches the loss, and says where in the net it went wrong: the first blob in order with impossible values.

A look costs a few comparisons a pass; the blobs are read only when something has been found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from netcli.errors import DivergedError
from netcli.net import Net
from netcli.net.label_ranges import label_ranges
from netcli.runtime.blob import PLAIN, Blob, Replicas
from netcli.solver.events import BlobSummary, Diverged, ValueRange
from netcli.solver.lap import lambdas

POLICIES = ("stop", "warn", "continue")

UNDERFLOW_LOSS = -math.log(np.finfo(np.float32).tiny)
"""87.3365: what SoftmaxWithLoss gives where the label's probability is 0 in float32, for every item of a batch."""

EXPLODED_LOSS = 1e4
"""A loss this many times the largest of the first passes (or 1, if they were smaller) has exploded."""

EXPLODED_VALUE = 1e6
"""A value beyond this is named where a loss explodes and every value is finite."""

_FIRST_PASSES = 10
_UNDERFLOW_TOLERANCE = 1e-3


class LossWatch:
    """Looks at the loss of every pass.

    Args:
        net: the training net.
        on_nan: "stop" raises, "warn" tells once until the loss is sound again, "continue" does not look.
        emit: takes the event.
    """

    def __init__(self, net: Net, on_nan: str, emit: Callable[[Diverged], object]) -> None:
        self._net = net
        self._on_nan = on_nan
        self._emit = emit
        self._softmax_tops = [step.tops[0] for step in net.graph.steps if step.layer.type_name == "SoftmaxWithLoss"]
        self._passes = 0
        self._largest = 1.0
        self._underflows = 0
        self._told = False

    @property
    def softmax_tops(self) -> list[str]:
        """Tops whose values it looks at."""
        return self._softmax_tops

    def look(self, iteration: int, rate: float, loss: float, values: Mapping[str, float] | None = None) -> None:
        """Raises DivergedError NC410 if the policy is to stop and the loss is no number, stuck or exploding.

        ``values``: of ``softmax_tops``, where the pass that made them is not the last one.
        """
        if self._on_nan == "continue":
            return
        reason = self._reason(loss, values or self._present_values(loss))
        if reason is None:
            self._told = False
        elif not self._told:
            self._report(iteration, rate, loss, reason)

    def look_at_weights(self, iteration: int, rate: float, loss: float) -> None:
        """The same for the weights, which a last update may have ruined unseen: before they go into a snapshot."""
        if self._on_nan == "continue" or self._told:
            return
        if not all(np.isfinite(item.blob.values.read(PLAIN)).all() for item in self._net.learnable):
            self._report(iteration, rate, loss, "the weights are not finite")

    def _reason(self, loss: float, values: Mapping[str, float]) -> str | None:
        if not math.isfinite(loss):
            return "the loss is not finite"
        if any(abs(value - UNDERFLOW_LOSS) < _UNDERFLOW_TOLERANCE for value in values.values()):
            self._underflows += 1
            # Once may be the start from unscaled data; twice in a row nothing is learned.
            if self._underflows > 1:
                return "a loss of 87.3365 = -log(FLT_MIN): every label's probability is 0 in float32"
        else:
            self._underflows = 0
        if self._passes < _FIRST_PASSES:
            self._passes += 1
            self._largest = max(self._largest, abs(loss))
        elif abs(loss) > EXPLODED_LOSS * self._largest:
            return f"the loss has exploded: at first it was {self._largest:g} at most"
        return None

    def _present_values(self, loss: float) -> dict[str, float]:
        """Of ``softmax_tops``. Where processes share a batch, the loss: what one of them sees all must see."""
        if self._net.context.share.divided:
            return dict.fromkeys(self._softmax_tops, loss)
        return {top: self._net.blobs[top].values.read(PLAIN).item(0) for top in self._softmax_tops}

    def _report(self, iteration: int, rate: float, loss: float, reason: str) -> None:
        event = find_cause(self._net, iteration, rate, loss, reason)
        self._told = True
        self._emit(event)
        if self._on_nan == "stop":
            raise diverged_error(self._net, event)


def find_cause(net: Net, iteration: int, lr: float, loss: float, reason: str = "the loss is not finite") -> Diverged:
    """Looks through the parameters and tops of each layer, in the order of the forward pass that has just run."""
    blobs = []
    for step in net.graph.steps:
        params = [(f"param {index}", blob) for index, blob in enumerate(step.layer.params)]
        for name, blob in [*params, *((top, net.blobs[top]) for top in step.tops)]:
            blobs.append(_summary(step.name, name, blob))
    not_finite = (blob for blob in blobs if blob.data.not_finite)
    exploded = (blob for blob in blobs if max(abs(blob.data.min), abs(blob.data.max)) > EXPLODED_VALUE)
    first = next(not_finite, None) or next(exploded, None)
    layer, blob_name = (first.layer, first.blob) if first else (None, None)
    return Diverged(
        iteration, lr, loss, layer, blob_name, reason, lambdas(net), _labels(net, {b.blob: b for b in blobs}),
        tuple(blobs),
    )  # fmt: skip


def diverged_error(net: Net, event: Diverged) -> DivergedError:
    """NC410, at the layer where it shows first."""
    where = f"first in '{event.blob}'" if event.blob else "no blob has impossible values"
    layer = net.layer(event.layer) if event.layer else None
    return DivergedError.of(
        "NC410",
        f"training diverged at iteration {event.iteration} (lr {event.lr:g}), {event.reason}, {where}",
        place=layer.source.place() if layer else None,
        layer=event.layer,
        layer_type=layer.type_name if layer else None,
        expected="a finite loss that gets smaller",
        actual=event.loss,
        hint="lower base_lr, clip the gradients, or look at the data; the last snapshot is as it was",
    )


def _labels(net: Net, summaries: dict[str, BlobSummary]) -> dict[str, tuple[float, float]]:
    """Smallest and largest label of the batch by blob."""
    made = {top for step in net.graph.steps if not step.bottoms for top in step.tops}
    names = made.intersection(label_ranges(net.graph.steps, net.graph.shapes))
    return {name: (summaries[name].data.min, summaries[name].data.max) for name in sorted(names)}


def _summary(layer: str, name: str, blob: Blob) -> BlobSummary:
    gradients = None if blob.gradients.takes_turns else _range(blob.gradients)
    return BlobSummary(layer, name, _range(blob.values), gradients)


def _range(values: Replicas) -> ValueRange:
    array = values.read(PLAIN)
    finite = array[np.isfinite(array)]
    if not finite.size:
        return ValueRange(0.0, 0.0, 0.0, array.size)
    mean = float(finite.mean(dtype=np.float64))
    return ValueRange(float(finite.min()), float(finite.max()), mean, array.size - finite.size)
