"""What ``netcli time`` measures: separate passes, so that timing the layers does not disturb the whole.

First everything is compiled and warmed up, which is reported apart. Then the whole net is timed, forward and
backward (and, for a solver, the whole iteration with its update), and, in passes of their own, each layer; all that
with a batch in memory. Last come whole iterations with the net's own data, prefetched as in training.
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from netcli.layers.source.fed_layer import FedLayer
from netcli.net.net import Net
from netcli.solver.feed_meter import FeedMeter
from netcli.solver.optimizer import Optimizer

if TYPE_CHECKING:
    from netcli.solver.cuda import CudaOptimizer

WARM_UP = 2
"""Passes after the first one, which compiles, that are not counted."""
EXTRA_BATCHES = 4
"""Batches, besides those that a layer prefetches, that are read away before iterations with data are timed."""
PEAK_SIZE = 1024
PEAK_PRODUCTS = 3
PEAK_REPEATS = 5

Clock = Callable[[], float]


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
class WholeTiming:
    """The passes of the whole net.

    Attributes:
        compile_s: the first iteration, compiling included; ``warm_up_s``: the next ones, which are not counted either.
        backward, forward_backward: None when only the forward pass was asked for.
        training_iteration: with the update; None without an optimizer.
        gflops: rate of the forward pass; None for a net without multiply-accumulates.
    """

    compile_s: float
    warm_up_s: float
    forward: Spread
    backward: Spread | None
    forward_backward: Spread | None
    training_iteration: Spread | None
    gflops: float | None

    @property
    def passes(self) -> Spread:
        """What the layers' times add up to, but for what they do not account for."""
        return self.forward_backward or self.forward

    @property
    def iteration(self) -> Spread:
        """The most that was timed as one."""
        return self.training_iteration or self.passes


@dataclass(frozen=True)
class DataTiming:
    """Iterations with the net's own data.

    Attributes:
        iteration: what ``WholeTiming.iteration`` is with a batch in memory.
        wait_share: share of that time spent in the data layers' feeds.
    """

    iteration: Spread
    wait_share: float


@dataclass
class _Taken:
    """Seconds, one for each iteration: of the layers in the order of the net, and of the whole net."""

    layers_forward: list[list[float]]
    layers_backward: list[list[float]]
    forward: list[float] = field(default_factory=list)
    backward: list[float] = field(default_factory=list)
    training: list[float] = field(default_factory=list)


class NetTimer:
    """Times a net.

    Args:
        net: for phase TRAIN, if it is to run backward.
        optimizer: makes the update of a whole training iteration; None to leave that out.
        iter_size: passes in a training iteration.
        forward_only: nothing runs backward.
        clock: seconds.
    """

    def __init__(
        self,
        net: Net,
        optimizer: Optimizer | CudaOptimizer | None,
        iter_size: int,
        *,
        forward_only: bool,
        clock: Clock = time.perf_counter,
    ) -> None:
        self._net = net
        self._optimizer = None if forward_only else optimizer
        self._iter_size = iter_size
        self._forward_only = forward_only
        self._clock = clock

    def time_net(
        self, iterations: int, *, layers: bool, once_compiled: Callable[[], object] | None = None
    ) -> tuple[WholeTiming, list[LayerTiming]]:
        """``iterations`` measurements of the whole net, and of its layers if they are wanted, once all is warm.

        They take turns, so that a machine that becomes slower meanwhile becomes so for all. ``once_compiled`` is called
        when nothing is left to compile.
        """
        everything = functools.partial(self._everything, layers=layers)
        compile_s = self._seconds(everything)
        if once_compiled is not None:
            once_compiled()
        warm_up_s = sum(self._seconds(everything) for _ in range(WARM_UP))
        steps = self._net.graph.steps
        taken = _Taken([[] for _ in steps], [[] for _ in steps])
        for _ in range(iterations):
            self._net.clear_param_diffs()
            taken.forward.append(self._seconds(self._net.forward))
            taken.backward.append(0.0 if self._forward_only else self._seconds(self._net.backward))
            if self._optimizer is not None:
                taken.training.append(self._seconds(self._training_iteration))
            if layers:
                self._time_layers(taken)
        return self._whole(compile_s, warm_up_s, taken), self._layers(taken) if layers else []

    def time_with_data(self, iterations: int, meter: FeedMeter) -> DataTiming:
        """``iterations`` measurements while the data layers read from ``meter``, whatever they read before.

        Raises:
            NetcliError: the data cannot be read, or do not fit the net.
        """
        self._drain()
        for _ in range(WARM_UP):
            self._iteration()
        waited = meter.waited
        seconds = [self._seconds(self._iteration) for _ in range(iterations)]
        return DataTiming(Spread.of(seconds), (meter.waited - waited) / sum(seconds))

    def _drain(self) -> None:
        """Takes away the batches that were prefetched before the clock starts: they came for nothing."""
        for index, step in enumerate(self._net.graph.steps):
            if isinstance(step.layer, FedLayer):
                for _ in range(step.layer.param.data_param.prefetch + EXTRA_BATCHES):
                    self._net.forward(index, index)

    def _everything(self, *, layers: bool) -> None:
        self._passes()
        if self._optimizer is not None:
            self._training_iteration()
        if layers:
            # What is one kernel in a pass of the whole net may be several here.
            for index in range(len(self._net.graph.steps)):
                self._net.forward(index, index)
            if not self._forward_only:
                for index in reversed(range(len(self._net.graph.steps))):
                    self._net.backward(index, index)

    def _iteration(self) -> None:
        if self._optimizer is not None:
            self._training_iteration()
        else:
            self._passes()

    def _passes(self) -> None:
        self._net.forward()
        if not self._forward_only:
            self._net.backward()

    def _training_iteration(self) -> None:
        """A whole iteration. The rate is 0, which costs the same and leaves the weights as they are."""
        self._net.clear_param_diffs()
        for _ in range(self._iter_size):
            self._passes()
        assert self._optimizer is not None
        self._optimizer.update(0.0, 0)

    def _time_layers(self, taken: _Taken) -> None:
        """One pass, layer by layer."""
        self._net.clear_param_diffs()
        for index, seconds in enumerate(taken.layers_forward):
            seconds.append(self._seconds(functools.partial(self._net.forward, index, index)))
        if not self._forward_only:
            for index, seconds in reversed(list(enumerate(taken.layers_backward))):
                seconds.append(self._seconds(functools.partial(self._net.backward, index, index)))

    def _whole(self, compile_s: float, warm_up_s: float, taken: _Taken) -> WholeTiming:
        forward = Spread.of(taken.forward)
        both = [f + b for f, b in zip(taken.forward, taken.backward, strict=True)]
        return WholeTiming(
            compile_s,
            warm_up_s,
            forward,
            None if self._forward_only else Spread.of(taken.backward),
            None if self._forward_only else Spread.of(both),
            Spread.of(taken.training) if taken.training else None,
            _gflops(sum(self._net.graph.macs(step) for step in self._net.graph.steps), forward),
        )

    def _layers(self, taken: _Taken) -> list[LayerTiming]:
        timings = []
        for step, forth, back in zip(
            self._net.graph.steps, taken.layers_forward, taken.layers_backward, strict=True
        ):  # fmt: skip
            forward = Spread.of(forth)
            gflops = _gflops(self._net.graph.macs(step), forward)
            timings.append(
                LayerTiming(step.name, step.layer.type_name, forward, Spread.of(back) if back else None, gflops)
            )
        return timings

    def _seconds(self, action: Callable[[], object]) -> float:
        if self._net.cuda is not None:
            return self._net.cuda.seconds(action)
        begin = self._clock()
        action()
        return self._clock() - begin


def _gflops(macs: int, spread: Spread) -> float | None:
    """Rate of ``macs`` multiply-accumulates, two operations each, in the median time."""
    return 2 * macs / spread.median / 1e6 if macs and spread.median else None


def peak_gflops(threads: int) -> float:
    """What up to ``threads`` threads reach in float32 matrix products by the BLAS that numpy uses (sgemm).

    Each thread multiplies matrices of its own, so that none waits for another; the best of a few trials, since
    other programs can only make it less.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        return max(_product_gflops(count) for count in {1, threads})


def _product_gflops(threads: int) -> float:
    factor = np.ones((PEAK_SIZE, PEAK_SIZE), np.float32)
    products = [np.empty_like(factor) for _ in range(threads)]

    def multiply(out: np.ndarray) -> None:
        for _ in range(PEAK_PRODUCTS):
            np.matmul(factor, factor, out=out)

    seconds = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(1 + PEAK_REPEATS):
            begin = time.perf_counter()
            list(pool.map(multiply, products))
            seconds.append(time.perf_counter() - begin)
    return 2 * PEAK_SIZE**3 * PEAK_PRODUCTS * threads / min(seconds) / 1e9
