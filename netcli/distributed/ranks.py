"""Several processes that train one net: what the solver asks of them, over MPI."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from netcli.distributed.agreement import check_same_checksum, check_same_parameters
from netcli.distributed.batch_division import divide
from netcli.distributed.gradient_sum import GradientSum
from netcli.distributed.outputs import of_whole_batch
from netcli.distributed.setup import Setup
from netcli.distributed.world import World
from netcli.layers.normalisation.batch_norm import BatchNorm
from netcli.layers.share import Share
from netcli.net import Net
from netcli.net.batch import batch_size
from netcli.net.learnable import Learnable
from netcli.prototxt import NetSource
from netcli.runtime.blob import PLAIN, Blob
from netcli.solver.events import Request
from netcli.solver.ranks import OneRank, TestBatch

T = TypeVar("T")

_REQUESTS = tuple(Request)


class MpiRanks(OneRank):
    """The processes of ``world``.

    Args:
        world: all of them.
        scaling: what the prototxt's ``batch_size`` means: "strong" or "weak".
        joint_statistics: whether BatchNorm normalises by the statistics of the whole batch.
    """

    def __init__(self, world: World, scaling: str = "strong", *, joint_statistics: bool = False) -> None:
        self.world = world
        self._joint_statistics = joint_statistics
        self.rank, self.count = world.rank, world.size
        self._scaling = scaling
        self._net: Net | None = None
        self._gradients: GradientSum | None = None
        self._waited = 0.0
        self.setup = Setup(world)

    @property
    def waited(self) -> float:  # type: ignore[override]
        """Seconds spent waiting for other processes in training iterations."""
        return self._waited + (self._gradients.waited if self._gradients else 0.0)

    @property
    def description(self) -> dict[str, Any]:
        world = self.world
        return {
            "ranks": {
                "count": self.count, "machines": world.machines, "scaling": self._scaling, "library": world.library,
            }
        }  # fmt: skip

    def introduction(self, net: Net, iter_size: int) -> list[str]:
        world, share = self.world, net.context.share
        machines = f"{world.machines} machine{'' if world.machines == 1 else 's'}"
        own, batch = batch_size(net), share.total(batch_size(net))
        if self._scaling == "weak":
            size = f"effective batch {batch * iter_size} = batch {own} x iter_size {iter_size} x {self.count} ranks"
        else:
            each = (
                f"{batch / self.count:g} a rank"
                if batch % self.count == 0
                else f"about {batch / self.count:.1f} a rank"
            )
            size = f"effective batch {batch * iter_size} = batch {batch} x iter_size {iter_size}, {each}"
        lines = [f"{self.count} ranks on {machines}: {size}"]
        if share.divided and share.whole < self.count and self._scaling == "strong":
            lines.append(f"note: the batch is cut into {share.whole} at most, so {self.count - share.whole} ranks idle")
        if _statistics(net) and not self._joint_statistics:
            lines.append("note: BatchNorm normalises by the statistics of each rank's part of the batch")
        return lines

    def share(self, source: NetSource) -> Share:
        return divide(
            source, self.rank, self.count, self._scaling, self._add_waiting, joint_statistics=self._joint_statistics
        )

    def join(self, net: Net, learnable: Sequence[Learnable]) -> None:
        """Raises RunError NC538 if the processes have different parameters to train."""
        self.setup.meet()
        self._net = net
        check_same_parameters(self.world.gather([(item.layer, item.index, item.blob.shape) for item in learnable]))
        self.align()
        self.use(GradientSum(self.world, net, learnable, counts=not net.context.share.idle))

    def use(self, gradients: GradientSum) -> None:
        """From now on the gradients are summed by ``gradients``."""
        self._gradients = gradients

    def align(self) -> None:
        for blob in self._parameters():
            self.world.spread(blob.values.update(PLAIN))

    def from_leader(self, make: Callable[[], T]) -> T:
        value = make() if self.leads else None
        self.setup.meet()
        return self.world.from_leader(value)

    def once_a_machine(self, make: Callable[[], object]) -> None:
        first = self.world.local_rank == 0
        if first:
            make()
        self.setup.meet()
        if not first:
            make()

    def merged(self, messages: list[str]) -> list[str]:
        return sorted({message for part in self.world.gather(messages) for message in part})

    def begin_iteration(self, passes: int) -> None:
        assert self._gradients is not None
        self._gradients.begin(passes)

    def conclude(self, loss: float, requests: set[Request]) -> tuple[float, set[Request]]:
        values = np.array([loss, *(request in requests for request in _REQUESTS)], np.float64)
        self._add_waiting(values)
        return float(values[0]), _requested(values[1:])

    def agree(self, requests: set[Request]) -> set[Request]:
        values = np.array([request in requests for request in _REQUESTS], np.float64)
        self.world.add(values)
        return _requested(values)

    def outputs(self, net: Net) -> dict[str, np.ndarray]:
        return of_whole_batch(net, self.world)

    def takes(self, batch: int) -> bool:
        return batch % self.count == self.rank

    def collect(self, batches: list[TestBatch]) -> list[TestBatch]:
        gathered = [batch for part in self.world.gather(batches) for batch in part]
        return sorted(gathered, key=lambda batch: batch.index)

    def settle(self) -> None:
        assert self._net is not None
        share = self._net.context.share
        for blob in _statistics(self._net):
            values = blob.values.update(PLAIN)
            np.multiply(values, values.dtype.type(share.fraction), out=values)
            self.world.add(values)

    def check(self, iteration: int) -> None:
        assert self._net is not None
        own = {id(blob) for blob in _statistics(self._net)}
        checksum = _checksum(blob for blob in self._parameters() if id(blob) not in own)
        check_same_checksum(iteration, self.world.gather(checksum))

    def _parameters(self) -> list[Blob]:
        assert self._net is not None
        return [item.blob for item in self._net.learnable]

    def _add_waiting(self, values: np.ndarray) -> None:
        begin = time.perf_counter()
        self.world.add(values)
        self._waited += time.perf_counter() - begin


def _requested(counts: np.ndarray) -> set[Request]:
    return {request for request, count in zip(_REQUESTS, counts, strict=True) if count}


def _statistics(net: Net) -> list[Blob]:
    """What layers keep of the batches that they see, instead of learning it."""
    return [blob for layer in net.layers if isinstance(layer, BatchNorm) and not layer.stored for blob in layer.params]


def _checksum(blobs: Iterable[Blob]) -> int:
    checksum = 0
    for blob in blobs:
        checksum = zlib.crc32(np.ascontiguousarray(blob.values.read(PLAIN)).data, checksum)
    return checksum
