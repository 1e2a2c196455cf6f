"""What ``netcli time`` measures: two separate passes, so that timing the layers does not disturb the whole.

First everything is compiled and warmed up, which is reported apart. Then the whole net is timed, forward and
backward (and, for a solver, the whole iteration with its update); then, in a pass of its own, each layer.
What the layers do not account for is reported instead of hidden.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from netcli.net.net import Net
from netcli.solver.optimizer import Optimizer

WARM_UP = 2
"""Passes after the first one, which compiles, that are not counted."""
PEAK_SIZE = 1024
PEAK_REPEATS = 5


@dataclass(frozen=True)
class Spread:
    """Median, least and interquartile range of repeated measurements, in milliseconds."""

    median: float
    min: float
    iqr: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Spread:
        """Of one or more measurements in seconds."""
        milliseconds = [1000 * value for value in seconds]
        low, _, high = statistics.quantiles(milliseconds, n=4, method="inclusive") if len(seconds) > 1 else (0, 0, 0)
        return cls(statistics.median(milliseconds), min(milliseconds), high - low)


@dataclass(frozen=True)
class LayerTiming:
    """One layer; ``gflops`` is the rate of its forward pass, None where multiply-accumulates do not dominate."""

    name: str
    type: str
    forward: Spread
    backward: Spread | None
    gflops: float | None


@dataclass(frozen=True)
class Timing:
    """All measurements. ``backward``, ``forward_backward`` are None when only the forward pass was asked for."""

    compile_s: float
    forward: Spread
    backward: Spread | None
    forward_backward: Spread | None
    training_iteration: Spread | None
    layers: list[LayerTiming]
    unattributed_ms: float


class NetTimer:
    """Times a net whose data are in memory.

    Args:
        net: for phase TRAIN, if it is to run backward.
        optimizer: makes the update of a whole training iteration; None to leave that out.
        iter_size: passes in a training iteration.
        forward_only: nothing runs backward.
    """

    def __init__(self, net: Net, optimizer: Optimizer | None, iter_size: int, *, forward_only: bool) -> None:
        self._net = net
        self._optimizer = None if forward_only else optimizer
        self._iter_size = iter_size
        self._forward_only = forward_only

    def run(self, iterations: int) -> Timing:
        """``iterations`` measurements of everything."""
        begin = time.perf_counter()
        self._once()
        compile_s = time.perf_counter() - begin
        for _ in range(WARM_UP):
            self._once()
        forward, backward = self._time_net(iterations)
        both = [f + b for f, b in zip(forward, backward, strict=True)]
        training = None
        if self._optimizer is not None:
            training = Spread.of([_seconds(self._training_iteration) for _ in range(iterations)])
        layers = self._time_layers(iterations)
        whole = Spread.of(both)
        attributed = sum(layer.forward.median + (layer.backward.median if layer.backward else 0) for layer in layers)
        return Timing(
            compile_s,
            Spread.of(forward),
            None if self._forward_only else Spread.of(backward),
            None if self._forward_only else whole,
            training,
            layers,
            whole.median - attributed,
        )

    def _once(self) -> None:
        self._net.forward()
        if not self._forward_only:
            self._net.backward()
        if self._optimizer is not None:
            self._training_iteration()

    def _training_iteration(self) -> None:
        """A whole iteration. The rate is 0, which costs the same and leaves the weights as they are."""
        self._net.clear_param_diffs()
        for _ in range(self._iter_size):
            self._net.forward()
            self._net.backward()
        assert self._optimizer is not None
        self._optimizer.update(0.0, 0)

    def _time_net(self, iterations: int) -> tuple[list[float], list[float]]:
        forward, backward = [], []
        for _ in range(iterations):
            self._net.clear_param_diffs()
            forward.append(_seconds(self._net.forward))
            backward.append(0.0 if self._forward_only else _seconds(self._net.backward))
        return forward, backward

    def _time_layers(self, iterations: int) -> list[LayerTiming]:
        net, steps = self._net, self._net.graph.steps
        forward: list[list[float]] = [[] for _ in steps]
        backward: list[list[float]] = [[] for _ in steps]
        for _ in range(iterations):
            net.clear_param_diffs()
            for index, seconds in enumerate(forward):
                seconds.append(_seconds(lambda index=index: net.forward(index, index)))  # type: ignore[misc]
            if not self._forward_only:
                for index in reversed(range(len(steps))):
                    backward[index].append(_seconds(lambda index=index: net.backward(index, index)))  # type: ignore[misc]
        timings = []
        for step, forth, back in zip(steps, forward, backward, strict=True):
            spread = Spread.of(forth)
            macs = net.graph.macs(step)
            gflops = 2 * macs / spread.median / 1e6 if macs and spread.median else None
            timings.append(
                LayerTiming(step.name, step.layer.type_name, spread, Spread.of(back) if back else None, gflops)
            )
        return timings


def peak_gflops(threads: int) -> float:
    """The best of a few float32 matrix products by the BLAS that numpy uses (sgemm), with ``threads`` threads."""
    a = np.ones((PEAK_SIZE, PEAK_SIZE), np.float32)
    out = np.empty_like(a)
    with threadpool_limits(limits=threads, user_api="blas"):
        np.matmul(a, a, out=out)
        best = min(_seconds(lambda: np.matmul(a, a, out=out)) for _ in range(PEAK_REPEATS))
    return 2 * PEAK_SIZE**3 / best / 1e9


def _seconds(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin
