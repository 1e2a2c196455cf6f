"""What ``netcli time`` does around the measurement: which net, with how many threads, and the promised object."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netcli.cli.batch_size import with_batch_size
from netcli.cli.errors import print_findings
from netcli.cli.fixed_feeds import FixedFeeds, ItemShape, fill_memory_layers
from netcli.cli.loading import net_of_solver
from netcli.cli.measuring import DataTiming, LayerTiming, NetTimer, Spread, WholeTiming, peak_gflops
from netcli.cli.recorded_pass import PassOfNet
from netcli.cli.second_compiler import SecondCompiler
from netcli.cli.timed_feeds import TimedFeeds
from netcli.data.feed import Feeds
from netcli.errors import NetcliError
from netcli.layers.source.fed_layer import FedLayer
from netcli.net.batch import batch_size
from netcli.net.net import Net
from netcli.prototxt import NetSource, SolverSource, load
from netcli.runtime.cpu import cpu_name
from netcli.runtime.threads import set_threads
from netcli.schema import caffe_pb2 as pb
from netcli.solver.optimizer import Optimizer, optimizer_for
from netcli.solver.settings import check_settings, raise_errors

if TYPE_CHECKING:
    from netcli.solver.cuda import CudaOptimizer

SCHEMA = 1


@dataclass(frozen=True)
class Request:
    """What is to be timed: ``netcli time``'s arguments. ``threads``: None for all cores."""

    file: str
    iterations: int
    batch: int | None = None
    forward_only: bool = False
    phase: str = "TRAIN"
    item_shape: ItemShape | None = None
    threads: int | None = None
    sweep: bool = False
    device: str = "cpu"


def run_timing(request: Request) -> dict[str, Any]:
    """The object of ``netcli time --json``.

    Raises:
        ConfigError: NC130 if the shape of the data can neither be known nor is given, and all other findings.
    """
    bench = _Bench(request)
    threads = set_threads(request.threads)
    steps = []
    for count in _fewer(threads) if request.sweep else []:
        set_threads(count)
        steps.append(_with_threads(bench.time_net(layers=False)[1], bench, count))
    set_threads(threads)
    timer, whole, layers = bench.time_net(layers=True)
    data = bench.time_data(timer)
    own = _with_threads(whole, bench, threads)
    result: dict[str, Any] = {
        "schema": SCHEMA,
        "file": request.file,
        "cpu": cpu_name(),
        "batch": bench.images,
        "threads": threads,
        "device": request.device,
        "iterations": request.iterations,
        "phase": request.phase,
        "compile_s": round((bench.first or whole).compile_s, 3),
        "warm_up_s": round(whole.warm_up_s, 3),
        **{key: value for key, value in own.items() if key != "threads"},
        "layers": [_layer(layer, whole.passes.median, own["peak_gflops"]) for layer in layers],
        "unattributed_ms": round(_unattributed(whole, layers), 4),
        "data": data,
    }
    return result | ({"sweep": [*steps, own]} if request.sweep else {})


class _Bench:
    """The net of a request, made anew for each number of threads: layers keep room for each thread."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._phase = pb.Phase.Value(request.phase)
        source = load(request.file)
        self._solver = source if isinstance(source, SolverSource) else None
        if self._solver is not None:
            print_findings(raise_errors([*self._solver.notices, *check_settings(self._solver)]))
        net_source = net_of_solver(self._solver, self._phase) if self._solver is not None else source
        assert isinstance(net_source, NetSource)
        print_findings(net_source.notices)
        self._source = net_source if request.batch is None else with_batch_size(net_source, request.batch)
        self._feeds: TimedFeeds
        self._net: Net
        self._filled = False
        self.iter_size = self._solver.param.iter_size if self._solver is not None else 1
        self.images = 0
        self.first: WholeTiming | None = None

    def time_net(self, *, layers: bool) -> tuple[NetTimer, WholeTiming, list[LayerTiming]]:
        """Makes the net and times it with a batch in memory; the timer has more to tell of it."""
        with contextlib.closing(SecondCompiler(self._passes, self._request.device)) as compiler:
            optimizer = self._make_net()
            timer = NetTimer(self._net, optimizer, self.iter_size, forward_only=self._request.forward_only)
            whole, by_layer = timer.time_net(self._request.iterations, layers=layers, once_compiled=compiler.close)
        # Whatever is timed later finds everything compiled.
        self.first = self.first or whole
        return timer, whole, by_layer

    def _make_net(self) -> Optimizer | CudaOptimizer | None:
        """The net with its fixed feeds; what updates it is returned."""
        own = Feeds(self._source.file)
        self._feeds = TimedFeeds(FixedFeeds(own, self._request.item_shape), own)
        self._net = Net(
            self._source, self._phase, feeds=self._feeds, seed=0, keep_gradients=False, device=self._request.device
        )
        self._filled = fill_memory_layers(self._net)
        self.images = batch_size(self._net)
        return optimizer_for(self._net, self._updates) if self._updates is not None else None

    @property
    def _updates(self) -> pb.SolverParameter | None:
        """The settings for the update, if there is to be one."""
        return self._solver.param if self._solver is not None and self._phase == pb.TRAIN else None

    def _passes(self) -> list[PassOfNet]:
        """What a second process may compile for."""
        request = self._request
        backward = not request.forward_only
        return [PassOfNet(self._source, self._phase, request.item_shape, backward=backward, solver=self._updates)]

    def time_data(self, timer: NetTimer) -> dict[str, Any]:
        """Iterations with the net's own data, or why there are none."""
        if not any(isinstance(layer, FedLayer) for layer in self._net.layers):
            return _generated("a program hands them over") if self._filled else {"source": "none"}
        meter = self._feeds.use_data(self._net)
        try:
            timing = timer.time_with_data(self._request.iterations, meter)
        except NetcliError as error:
            return _generated(f"{error.findings[0].message} [{error.code}]")
        finally:
            self._net.close()
        return _data(timing)


def _fewer(threads: int) -> list[int]:
    """1, 2, 4, ... below ``threads``."""
    return [1 << power for power in range((threads - 1).bit_length())]


def _with_threads(whole: WholeTiming, bench: _Bench, threads: int) -> dict[str, Any]:
    """The whole net's times and rates with ``threads`` threads."""
    peak = peak_gflops(threads)
    images, rate = bench.images, whole.iteration.median
    if whole.training_iteration is not None:
        images *= bench.iter_size
    training = {} if whole.training_iteration is None else {"training_iteration_ms": _spread(whole.training_iteration)}
    return {
        "threads": threads,
        "forward_ms": _spread(whole.forward),
        "backward_ms": _spread(whole.backward),
        "forward_backward_ms": _spread(whole.forward_backward),
        **training,
        "images_per_s": round(1000 * images / rate, 1) if rate else None,
        "gflops": None if whole.gflops is None else round(whole.gflops, 2),
        "of_peak": None if whole.gflops is None else round(whole.gflops / peak, 4),
        "peak_gflops": round(peak, 1),
    }


def _layer(layer: LayerTiming, whole: float, peak: float) -> dict[str, Any]:
    spent = layer.forward.median + (layer.backward.median if layer.backward else 0)
    return {
        "name": layer.name,
        "type": layer.type,
        "forward_ms": _spread(layer.forward),
        "backward_ms": _spread(layer.backward),
        "share": round(spent / whole, 4) if whole else None,
        "gflops": None if layer.gflops is None else round(layer.gflops, 2),
        "of_peak": None if layer.gflops is None else round(layer.gflops / peak, 4),
    }


def _unattributed(whole: WholeTiming, layers: list[LayerTiming]) -> float:
    """What the layers, timed one by one, leave of the time of the whole net."""
    spent = sum(layer.forward.median + (layer.backward.median if layer.backward else 0) for layer in layers)
    return whole.passes.median - spent


def _data(timing: DataTiming) -> dict[str, Any]:
    return {
        "source": "real",
        "iteration_ms": _spread(timing.iteration),
        "wait_share": round(timing.wait_share, 4),
    }


def _generated(reason: str) -> dict[str, Any]:
    return {"source": "generated", "reason": reason}


def _spread(spread: Spread | None) -> dict[str, float] | None:
    if spread is None:
        return None
    return {name: round(value, 4) for name, value in dataclasses.asdict(spread).items()}
