"""The training loop: Caffe's Step and Solve, made of iterations, tests, snapshots and the events they emit."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netcli.convert.caffemodel import read_weights
from netcli.layers.feeding import FeedSource, NoFeeds
from netcli.layers.share import WHOLE
from netcli.net import Net, debug_info
from netcli.net.batch import batch_size
from netcli.net.trainable import check_trainable
from netcli.net.weights import Loading, LoadReport, check_all_used, load_weights
from netcli.prototxt import NetSource, SolverSource, resolve_path
from netcli.runtime.streams import fresh_seed
from netcli.schema import caffe_pb2 as pb
from netcli.solver import events
from netcli.solver.checkpoint import Checkpoint
from netcli.solver.divergence import LossWatch
from netcli.solver.feed_meter import FeedMeter
from netcli.solver.freezing import frozen
from netcli.solver.lap import Lap
from netcli.solver.optimizer import optimizer_for
from netcli.solver.outputs import loss_weights
from netcli.solver.ranks import ALONE, OneRank
from netcli.solver.record import training_config
from netcli.solver.requests import Requests
from netcli.solver.schedules import schedule
from netcli.solver.settings import check_max_iter, check_settings, raise_errors
from netcli.solver.snapshot import check_writable, snapshot_paths, snapshot_prefix
from netcli.solver.testing import run_test

if TYPE_CHECKING:
    from netcli.solver.cuda_course import Concluded, CudaCourse


class Solver:
    """Trains a net, tests it and keeps its snapshots.

    Args:
        source: the solver's settings and the nets they name.
        feeds: makes the source of data for each net; without it no net may read files.
        seed: of everything random; None takes ``random_seed`` where that is not negative, else draws one.
        listeners: called with every event, in order.
        default_prefix: where snapshots go when ``snapshot_prefix`` is not set, e.g. "runs/lenet-001/model".
        on_nan: what a diverging loss leads to: "stop", "warn" or "continue".
        loading: how files of weights are matched with the net.
        freeze: layers, as patterns such as "conv*", whose parameters are not to change.
        keep_gradients: False takes less memory and lets nobody look at the gradients of blobs; see ``Net``.
        device: "cpu", "cuda" or "cuda:N".
        ranks: the processes that train together; None for this one alone.

    Attributes:
        param: the settings.
        net, test_nets: the nets; all test nets use the parameters of ``net``.
        iteration: updates made so far.
        learning_rate: the rate as a function of the iteration.
        before_iteration, before_update: called in each iteration before its first pass, and once its gradients
            are complete.
        notices: warnings and notes about the settings.
        loaded: what became of each file of weights, those of ``weights`` among them.
        config: what decides how training goes on from the same weights; a snapshot remembers it.
        kept: what listeners want to find again after a restore: JSON by name.

    Raises:
        ConfigError: with all findings about the settings, or about a net; RunError: a file of ``weights``.
    """

    def __init__(
        self,
        source: SolverSource,
        *,
        feeds: Callable[[NetSource], FeedSource] | None = None,
        seed: int | None = None,
        listeners: Sequence[Callable[[events.Event], None]] = (),
        default_prefix: str | None = None,
        on_nan: str = "stop",
        loading: Loading | None = None,
        freeze: Sequence[str] = (),
        keep_gradients: bool = True,
        device: str = "cpu",
        ranks: OneRank | None = None,
    ) -> None:
        self.notices = raise_errors(check_settings(source))
        self.source = source
        self.param = source.param
        self.learning_rate = schedule(source)
        self.listeners = list(listeners)
        self.before_iteration: list[Callable[[], object]] = []
        self.before_update: list[Callable[[], object]] = []
        self.iteration = 0
        self.loaded: list[LoadReport] = []
        if seed is None and self.param.random_seed >= 0:
            seed = self.param.random_seed
        self._seed_is_drawn = seed is None
        self.seed = fresh_seed() if seed is None else seed
        self._make_feeds = feeds
        self.ranks = ranks or ALONE
        self._keep_gradients = keep_gradients
        self._device = device
        self._meters: list[FeedMeter] = []
        train_net = source.train_net()
        self.net = self._make_net(train_net, None)
        raise_errors(check_trainable(self.net.graph, train_net.place()))
        self.test_nets = [self._make_net(net, self.net) for net in source.test_nets()]
        if freeze:
            self.net.learnable = frozen(self.net.learnable, freeze)
        self.config = training_config(source, self.seed, freeze)
        self.kept: dict[str, Any] = {}
        self._freeze = freeze
        self._loading = loading or Loading()
        self._watch = LossWatch(self.net, on_nan, self._emit)
        self._optimizer = optimizer_for(self.net, self.param)
        self._checkpoint = Checkpoint(self.param, [self.net, *self.test_nets], self._meters, self._optimizer)
        self._course = self._make_course()
        self._default_prefix = default_prefix
        self._losses: deque[float] = deque(maxlen=self.param.average_loss)
        self._lap = Lap(0.0)
        self._requests = Requests(self.ranks)
        self._snapshotted_at: int | None = None
        if self.ranks.leads:
            self._load_first_weights()
        self.ranks.join(self.net, self.net.learnable)

    @property
    def prefix(self) -> Path:
        """Where snapshots go: ``PREFIX_iter_N.*``."""
        return snapshot_prefix(self.source, self._default_prefix)

    def step(self, iterations: int) -> None:
        """Runs ``iterations`` iterations, with the tests, displays and snapshots that fall on them.

        Raises:
            DivergedError: NC410 if the loss is no number; the weights are those of the last update then.
            RunError: the data cannot be read or a snapshot cannot be written.
        """
        self._run(iterations)
        self._settle()

    def solve(self) -> None:
        """Runs to ``max_iter``; then come the last snapshot, display and test, as in Caffe. Raises as ``step``.

        A request to stop leads to a snapshot, even with ``snapshot_after_train: false``, and to no last test.
        """
        begin = time.perf_counter()
        param = self.param
        raise_errors(check_max_iter(self.source))
        if param.snapshot or param.snapshot_after_train:
            check_writable(self.prefix)
        self._emit(
            events.Started(
                self.iteration, param.max_iter, self.seed, self._batch_size, param.iter_size, len(self.test_nets)
            )
        )
        ended = self._run(param.max_iter - self.iteration)
        self._settle()
        if self._snapshotted_at != self.iteration and (param.snapshot_after_train or ended):
            self._snapshot_if_sound()
        if not ended:
            ended = self._last_display_and_test()
        self._emit(events.Finished(self.iteration, ended or "max_iter", time.perf_counter() - begin))

    def test_all(self) -> list[events.Test]:
        """Tests every test net; fewer results come back if a request to stop arrives."""
        results = (self.test(index) for index in range(len(self.test_nets)))
        return [result for result in results if result is not None]

    def test(self, index: int = 0) -> events.Test | None:
        """Tests one net over its ``test_iter`` batches; None if a request to stop arrives."""
        begin = time.perf_counter()
        net = self.test_nets[index]
        net.context.iteration = self.iteration
        self.ranks.settle()
        result = run_test(
            net, self.param.test_iter[index], interrupted=self._requests.interrupts_test, ranks=self.ranks,
            pass_over=self._meters[index + 1].pass_over,
        )  # fmt: skip
        self._lap.excluded += time.perf_counter() - begin
        if result is None:
            return None
        loss = result.loss if self.param.test_compute_loss else None
        event = events.Test(
            self.iteration, index, result.outputs, loss_weights(net), result.images, result.iterations, result.seconds,
            loss,
        )  # fmt: skip
        self._emit(event)
        return event

    def snapshot(self) -> Path:
        """Writes weights and state; returns the path of the state.

        Raises:
            RunError: NC459 if one of them cannot be written; what was there before is whole.
        """
        begin = time.perf_counter()
        param = self.param
        hdf5 = param.snapshot_format == pb.SolverParameter.HDF5
        weights, path = snapshot_paths(self.prefix, self.iteration, hdf5)
        self.ranks.settle()
        if self.ranks.leads:
            self._checkpoint.write(self.iteration, weights, path, self.seed, self.config, self.kept)
        self._snapshotted_at = self.iteration
        self._lap.excluded += time.perf_counter() - begin
        self._emit(events.Snapshot(self.iteration, weights, path))
        return path

    def save_weights(self, name: str) -> Path:
        """Writes the weights alone, as ``PREFIX_NAME.caffemodel``. Raises RunError NC459."""
        begin = time.perf_counter()
        ending = ".h5" if self.param.snapshot_format == pb.SolverParameter.HDF5 else ""
        prefix = self.prefix
        path = prefix.with_name(f"{prefix.name}_{name}.caffemodel{ending}")
        self._checkpoint.write_weights(path)
        self._lap.excluded += time.perf_counter() - begin
        self._emit(events.Snapshot(self.iteration, path, None))
        return path

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Goes back to a snapshot, Caffe's own or netcli's, in either format: weights, history, iteration, data.

        Where a state does not say how much has been read (Caffe's do not), ``iter_size`` batches for each
        iteration are taken to have been.

        Raises:
            RunError: NC460 to NC464 unreadable, NC466 not a state, NC470 another solver type, NC467 and NC468
                another history, NC469 the weights are missing, NC471 one of the files is damaged, NC452 to
                NC456 the weights do not fit.
        """
        state = self.ranks.from_leader(lambda: self._checkpoint.read(path))
        self.ranks.align()
        self._checkpoint.go_back_to(state)
        self.iteration = self._snapshotted_at = state.iteration
        self._losses.clear()
        if state.record:
            self.kept = dict(state.record.kept)
            if self._seed_is_drawn:
                self._use_seed(state.record.seed)

    def load_weights(self, path: str | os.PathLike[str]) -> LoadReport:
        """Weights from a file into the layers of the same names. Raises RunError NC451 to NC464."""
        self.loaded.append(load_weights(self.net, read_weights(path), os.fspath(path), self._loading))
        return self.loaded[-1]

    def apply_update(self) -> None:
        """Changes the weights by the gradients that the net has, at this iteration's rate; no iteration is counted."""
        self._optimizer.update(self.learning_rate(self.iteration), self.iteration)

    def request(self, request: events.Request) -> None:
        """Asks for something from a signal handler, another thread or a listener: done after the iteration."""
        self._requests.add(request)

    def close(self) -> None:
        """Closes the nets' files and threads."""
        for net in [self.net, *self.test_nets]:
            net.close()

    @property
    def _batch_size(self) -> int:
        """Images of one pass, over all processes."""
        return self.net.context.share.total(batch_size(self.net))

    def _load_first_weights(self) -> None:
        for path in self.param.weights:
            for part in path.split(","):
                self.load_weights(resolve_path(part.strip(), self.source.file, self.source.place("weights")))
        if self.loaded:
            check_all_used(self.net, self.loaded, self._loading)

    def _make_net(self, source: NetSource, share_with: Net | None) -> Net:
        share = WHOLE if share_with else self.ranks.share(source)
        feeds = self._make_feeds(source) if self._make_feeds else NoFeeds()
        meter = FeedMeter(feeds, share, turns=self.ranks.count if share_with else 1)
        self._meters.append(meter)
        return Net(
            source, feeds=meter, seed=self.seed, share_with=share_with, keep_gradients=self._keep_gradients,
            forward_only=bool(share_with) and not self._keep_gradients, device=self._device, share=share,
        )  # fmt: skip

    def _use_seed(self, seed: int) -> None:
        self.seed = seed
        self.config = training_config(self.source, seed, self._freeze)
        for net in [self.net, *self.test_nets]:
            net.seed = net.context.seed = seed

    def _emit(self, event: events.Event) -> None:
        for listener in self.listeners:
            listener(event)

    def _tell(self, line: str) -> None:
        self._emit(events.Debug(line))

    def _run(self, iterations: int) -> str | None:
        """Caffe's Step; what ended it, if it was a request: "interrupted" or "patience"."""
        param = self.param
        self._losses.clear()
        self._lap = Lap(self._meters[0].waited, self.ranks.waited)
        end = self.iteration + iterations
        while self.iteration < end:
            if self._is_due(param.test_interval) and (self.iteration > 0 or param.test_initialization):
                self.test_all()
                self._requests.agree()
                if ended := self._requests.asks_to_end():
                    return ended
            self._iterate()
            asked = self._requests.takes(events.Request.SNAPSHOT)
            if asked or self._is_due(param.snapshot):
                self._snapshot_if_sound()
            if ended := self._requests.asks_to_end():
                return ended
        return None

    def _is_due(self, interval: int) -> bool:
        return interval > 0 and self.iteration % interval == 0

    def _snapshot_if_sound(self) -> None:
        """The last snapshot must stay the last good one."""
        self._settle()
        loss = self._losses[-1] if self._losses else 0.0
        self._watch.look_at_weights(self.iteration, self.learning_rate(self.iteration), loss)
        self.snapshot()

    def _iterate(self) -> None:
        """One update from iter_size passes."""
        param = self.param
        display = self._is_due(param.display)
        debug = display and param.debug_info
        self.net.debug = self._tell if debug else None
        rate = self.learning_rate(self.iteration)
        if self._course is not None and not debug and not self._is_observed():
            self._iterate_on_device(self._course, rate, display=display)
            return
        self._settle()
        self.net.clear_param_diffs()
        for call in self.before_iteration:
            call()
        self.ranks.begin_iteration(param.iter_size)
        loss = 0.0
        for index in range(param.iter_size):
            loss += self._forward(index)
            self.net.backward()
        loss = self._requests.conclude(loss / param.iter_size)
        self._watch.look(self.iteration, rate, loss)
        self._losses.append(loss)
        self._lap.iterations += 1
        if display:
            self._display(rate)
        for call in self.before_update:
            call()
        self.apply_update()
        if debug:
            for item in self.net.learnable:
                self._tell(debug_info.update_line(item))
        self.iteration += 1
        self._emit(events.Progress(self.iteration, loss))

    def _forward(self, index: int) -> float:
        """The loss of pass ``index`` of this iteration: of the part of the batch that is computed here."""
        context = self.net.context
        context.iteration = self.iteration
        context.pass_index = self.iteration * self.param.iter_size + index
        loss = self.net.forward()
        self._lap.images += self._batch_size
        return loss

    def _make_course(self) -> CudaCourse | None:
        """What runs iterations on a GPU without waiting for it."""
        if self.net.cuda is None or self.ranks.count > 1:
            return None
        from netcli.solver.cuda import CudaOptimizer
        from netcli.solver.cuda_course import CudaCourse

        assert isinstance(self._optimizer, CudaOptimizer)
        return CudaCourse(self.net, self._optimizer, self.param.iter_size, self._watch.softmax_tops)

    def _is_observed(self) -> bool:
        """Whether somebody wants to be called in the midst of an iteration."""
        net = self.net
        calls = (net.before_forward, net.after_forward, net.before_backward, net.after_backward)
        return any((self.before_iteration, self.before_update, *calls))

    def _iterate_on_device(self, course: CudaCourse, rate: float, *, display: bool) -> None:
        """One iteration whose loss becomes known when it is displayed, or some iterations later."""
        self._hear(course.iterate(self.iteration, rate))
        self._lap.images += self.param.iter_size * self._batch_size
        self._lap.iterations += 1
        if display:
            self._settle()
            self._display(rate)
        self.iteration += 1
        self._emit(events.Progress(self.iteration, self._losses[-1] if self._losses else math.nan))

    def _settle(self) -> None:
        """Makes the losses of all iterations so far known."""
        if self._course is not None:
            self._hear(self._course.settle())

    def _hear(self, passes: Sequence[Concluded]) -> None:
        """Looks at losses that have become known. Raises DivergedError NC410."""
        for index in range(0, len(passes), self.param.iter_size):
            together = passes[index : index + self.param.iter_size]
            for one in together:
                self._watch.look(one.iteration, one.rate, one.loss, one.watched)
            self._losses.append(sum(one.loss for one in together) / len(together))

    def _display(self, rate: float) -> None:
        meter, ranks = self._meters[0], self.ranks
        ranks.check(self.iteration)
        event = self._lap.display(self.net, meter, self.iteration, rate, self._losses, ranks)
        self._lap = Lap(meter.waited, ranks.waited)
        self._emit(event)

    def _last_display_and_test(self) -> str | None:
        """What the weights are worth after the last update; "interrupted" if a request to stop came in between."""
        self._settle()
        if self._is_due(self.param.display):
            rate = self.learning_rate(self.iteration)
            self.net.debug = None
            loss = self._requests.conclude(self._forward(0))
            self._watch.look(self.iteration, rate, loss)
            self._losses.append(loss)
            self._display(rate)
        if self._is_due(self.param.test_interval):
            self.test_all()
        self._requests.agree()
        return "interrupted" if self._requests.takes(events.Request.STOP) else None
