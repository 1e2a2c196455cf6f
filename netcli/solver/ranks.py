"""What a solver asks of the processes that train together; here: of one process that trains alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from netcli.layers.share import WHOLE, Share
from netcli.net import Net
from netcli.net.learnable import Learnable
from netcli.prototxt import NetSource
from netcli.solver.events import Request
from netcli.solver.outputs import output_arrays

T = TypeVar("T")


@dataclass
class TestBatch:
    """What the test's batch number ``index`` gave: the weighted loss, the images, and the outputs by name, flat."""

    index: int
    loss: float
    images: int
    outputs: dict[str, np.ndarray]


class OneRank:
    """A process alone. ``netcli.distributed.ranks.MpiRanks`` does the same for several.

    Attributes:
        rank, count: which of how many processes this one is.
        waited: seconds spent waiting for other processes; None where there are none.
    """

    rank = 0
    count = 1
    waited: float | None = None

    @property
    def leads(self) -> bool:
        """True for the process that writes files and speaks for all."""
        return self.rank == 0

    @property
    def description(self) -> dict[str, Any]:
        """What a manifest says of the processes; empty for one alone."""
        return {}

    def introduction(self, net: Net, iter_size: int) -> list[str]:
        """What to say of the processes before they train ``net``; nothing of one alone."""
        return []

    def share(self, source: NetSource) -> Share:
        """The part of each batch of the training net ``source`` that is computed here. Raises ConfigError."""
        return WHOLE

    def join(self, net: Net, learnable: Sequence[Learnable]) -> None:
        """The training net is there: from now on the gradients of ``learnable`` are those of all processes."""

    def align(self) -> None:
        """The parameters of the process that leads become those of all."""

    def from_leader(self, make: Callable[[], T]) -> T:
        """What ``make`` returns in the process that leads; only there is it called."""
        return make()

    def once_a_machine(self, make: Callable[[], object]) -> None:
        """Calls ``make``, which makes files, in one process of each machine before the others, who find them made."""
        make()

    def merged(self, messages: list[str]) -> list[str]:
        """The messages of all processes, each once."""
        return messages

    def begin_iteration(self, passes: int) -> None:
        """The gradients are zero, and ``passes`` forward and backward passes follow."""

    def conclude(self, loss: float, requests: set[Request]) -> tuple[float, set[Request]]:
        """Once the passes are done: the gradients are complete; returns the loss and the requests of all processes."""
        return loss, requests

    def agree(self, requests: set[Request]) -> set[Request]:
        """The requests of all processes."""
        return requests

    def outputs(self, net: Net) -> dict[str, np.ndarray]:
        """The outputs of the training net for the whole batch, flat."""
        return output_arrays(net)

    def takes(self, batch: int) -> bool:
        """Whether test batch ``batch`` is computed here."""
        return True

    def collect(self, batches: list[TestBatch]) -> list[TestBatch]:
        """The test batches of all processes in order, from those that were computed here."""
        return batches

    def settle(self) -> None:
        """Before a test or a snapshot: statistics that each process keeps of its part become those of all."""

    def check(self, iteration: int) -> None:
        """Raises RunError NC536 if the parameters are not the same in all processes."""


ALONE = OneRank()
