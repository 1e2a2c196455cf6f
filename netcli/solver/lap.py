"""The stretch between two displays: how long it took, and what it has to say at its end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from netcli.layers.margin.margin_product import MarginProduct
from netcli.net import Net
from netcli.solver import events
from netcli.solver.feed_meter import FeedMeter
from netcli.solver.outputs import as_outputs, loss_weights
from netcli.solver.ranks import OneRank


@dataclass
class Lap:
    """What has happened since the last display. Tests and snapshots, in ``excluded``, are not part of it."""

    waited_before: float
    waited_for_ranks_before: float | None = None
    begin: float = field(default_factory=time.perf_counter)
    excluded: float = 0.0
    iterations: int = 0
    images: int = 0

    @property
    def seconds(self) -> float:
        """Seconds of training since the beginning."""
        return time.perf_counter() - self.begin - self.excluded

    def display(
        self, net: Net, meter: FeedMeter, iteration: int, rate: float, losses: Sequence[float], ranks: OneRank
    ) -> events.Train:
        """The event of a display; ``losses`` are those that count for the mean, the present one last."""
        seconds = self.seconds
        return events.Train(
            iteration,
            rate,
            losses[-1],
            sum(losses) / len(losses),
            as_outputs(ranks.outputs(net)),
            loss_weights(net),
            self.iterations,
            self.images,
            seconds,
            _share(meter.waited - self.waited_before, seconds),
            meter.epoch,
            lambdas(net),
            None if ranks.waited is None else _share(ranks.waited - (self.waited_for_ranks_before or 0.0), seconds),
        )


def _share(part: float, whole: float) -> float:
    return min(1.0, part / whole) if whole > 0 else 0.0


def lambdas(net: Net) -> dict[str, float]:
    """lambda of each margin layer that has one, in the present iteration."""
    layers = (layer for layer in net.layers if isinstance(layer, MarginProduct))
    return {layer.name: layer.annealing_weight for layer in layers if layer.has_lambda}
