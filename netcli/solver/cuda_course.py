"""Iterations on a GPU that the host does not wait for.

An iteration's work is asked for in one go: passes, record of the loss, update. After two of them, a net with
``iter_size: 1`` whose layers all run on the GPU has its iteration captured into a graph: all but the layers without
bottoms, which bring the data, runs in one call from then on. What changes between iterations (rates, lambdas, keys of
dropout) is written to the device before.
"""

from __future__ import annotations

from dataclasses import dataclass

from netcli.net import Net
from netcli.net.captured_passes import CapturedPasses, StaleGraph
from netcli.net.cuda_losses import CudaLosses
from netcli.runtime.blob import CUDA, Replicas, Shape
from netcli.runtime.cuda.recording import NotCapturable
from netcli.solver.cuda import CudaOptimizer

LOSSES_KEPT = 32
"""Passes after which the losses are read at the latest: so late a divergence may be noticed."""

_WARM_UP = 2


@dataclass(frozen=True)
class Concluded:
    """A pass whose loss is known: its iteration, rate and loss, and the first element of each watched top."""

    iteration: int
    rate: float
    loss: float
    watched: dict[str, float]


class CudaCourse:
    """Runs iterations of a training net.

    Args:
        net: on a GPU.
        optimizer: of its parameters.
        iter_size: passes of an iteration.
        watched: tops whose first element is wanted for each pass.

    Attributes:
        not_captured: why there is no graph; "" where there is one, or may still be.
    """

    def __init__(self, net: Net, optimizer: CudaOptimizer, iter_size: int, watched: list[str]) -> None:
        assert net.cuda is not None
        self._net = net
        self._optimizer = optimizer
        self._iter_size = iter_size
        self._watched = watched
        self._losses = CudaLosses(
            net.weighted_tops, [net.blobs[top] for top in watched], net.context.dtype, max(LOSSES_KEPT, iter_size)
        )
        self._open: list[tuple[int, float]] = []
        self._warm = 0
        self._captured: CapturedPasses | None = None
        self._shapes: list[Shape] = []
        self.not_captured = "iter_size is not 1" if iter_size > 1 else ""
        if net.cuda.on_cpu:
            self.not_captured = f"on the CPU: {', '.join(net.cuda.on_cpu)}"

    @property
    def is_captured(self) -> bool:
        """Whether iterations run as a graph now."""
        return self._captured is not None

    def iterate(self, iteration: int, rate: float) -> list[Concluded]:
        """One iteration; what has become known of passes, which is nothing most of the time."""
        concluded = self.settle() if self._losses.count + self._iter_size > self._losses.capacity else []
        self._optimizer.prepare(rate, iteration)
        if self.not_captured or self._warm < _WARM_UP:
            self._iterate_step_by_step(iteration, rate)
            self._warm += 1
        else:
            self._iterate_as_graph(iteration, rate)
        return concluded

    def settle(self) -> list[Concluded]:
        """All passes whose losses have not been told yet; waits for the device."""
        if not self._open:
            return []
        records, passes = self._losses.read(), self._open
        self._open = []
        return [
            Concluded(iteration, rate, float(loss), dict(zip(self._watched, map(float, firsts), strict=True)))
            for (iteration, rate), (loss, *firsts) in zip(passes, records, strict=True)
        ]

    def _begin_pass(self, iteration: int, rate: float, index: int) -> None:
        context = self._net.context
        context.iteration = iteration
        context.pass_index = iteration * self._iter_size + index
        self._losses.prepare()
        self._open.append((iteration, rate))

    def _iterate_step_by_step(self, iteration: int, rate: float) -> None:
        self._net.clear_param_diffs()
        for index in range(self._iter_size):
            self._begin_pass(iteration, rate, index)
            self._net.run_forward()
            self._losses.record()
            self._net.backward()
        self._optimizer.launch()

    def _iterate_as_graph(self, iteration: int, rate: float) -> None:
        self._begin_pass(iteration, rate, 0)
        self._net.run_sources()
        sources = [self._net.blobs[top] for step in self._net.graph.steps if not step.bottoms for top in step.tops]
        shapes = [blob.shape for blob in sources]
        if shapes != self._shapes:
            # Blobs get their new arrays in a pass of its own.
            self._captured, self._shapes, self._warm = None, shapes, 0
            self._run_the_rest()
            return
        for blob in sources:
            blob.values.read(CUDA)
        try:
            if self._captured is None:
                self._captured = CapturedPasses(self._replicas(), self._run_the_rest)
            self._captured.run()
        except NotCapturable as error:
            self.not_captured = str(error)
            self._run_the_rest()
        except StaleGraph:
            self._captured = None
            self._run_the_rest()

    def _run_the_rest(self) -> None:
        """All of an iteration but the data."""
        self._net.clear_param_diffs()
        self._net.run_forward(sources=False)
        self._losses.record()
        self._net.backward()
        self._optimizer.launch()

    def _replicas(self) -> list[Replicas]:
        net = self._net
        blobs = [*net.blobs.values(), *(blob for params in net.params.values() for blob in params)]
        return [*(item for blob in blobs for item in (blob.values, blob.gradients)), *self._optimizer.replicas]
