"""What training needs to go on, taken from a solver's parts and given back to them: weights, history, data."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netcli.convert.caffemodel import read_weights, write_weights
from netcli.net import Net
from netcli.net.weights import load_weights, stored_net
from netcli.schema import caffe_pb2 as pb
from netcli.solver.feed_meter import FeedMeter
from netcli.solver.optimizer import Optimizer
from netcli.solver.record import Reading, Record, versions
from netcli.solver.resume import check_weights
from netcli.solver.schedules import steps_taken
from netcli.solver.snapshot import check_history, check_type, find_weights
from netcli.solver.state_file import State, read_state, write_state

if TYPE_CHECKING:
    from netcli.solver.cuda import CudaOptimizer


class Checkpoint:
    """Writes and reads the snapshots of one solver.

    Args:
        param: the solver's settings.
        nets: the training net first, then the test nets.
        meters: of their data, in this order.
        optimizer: of the training net.
    """

    def __init__(
        self,
        param: pb.SolverParameter,
        nets: Sequence[Net],
        meters: Sequence[FeedMeter],
        optimizer: Optimizer | CudaOptimizer,
    ) -> None:
        self._param = param
        self._nets = nets
        self._meters = meters
        self._optimizer = optimizer

    def write(self, iteration: int, weights: Path, path: Path, seed: int, config: str, kept: Mapping[str, Any]) -> None:
        """Writes the weights, then the state, to ``path``. Raises RunError NC459; what was there before is whole."""
        sha256 = self.write_weights(weights)
        trained, *tested = self._nets
        readings = [Reading(iteration * self._param.iter_size, self._meters[0].items)]
        readings += [
            Reading(net.context.pass_index, meter.items) for net, meter in zip(tested, self._meters[1:], strict=True)
        ]
        record = Record(
            seed, tuple(readings), sha256, config, self._param.type, trained.name, versions(), dict(kept)
        )  # fmt: skip
        steps = steps_taken(self._param, iteration - 1)
        write_state(State(iteration, weights.as_posix(), self._optimizer.history, steps, record), path)

    def write_weights(self, path: Path) -> str:
        """Returns the file's SHA-256. Raises RunError NC459."""
        with_diff = self._param.snapshot_diff
        return write_weights(stored_net(self._nets[0], write_diff=with_diff), path, with_diff=with_diff)

    def read(self, path: str | os.PathLike[str]) -> State:
        """The state at ``path``; its weights are in the net then. Raises RunError, see ``Solver.restore``."""
        state = read_state(path)
        check_type(state, self._param.type, path)
        check_history(state, self._optimizer.history, self._param.type, path)
        weights = find_weights(state, path)
        check_weights(state, weights)
        load_weights(self._nets[0], read_weights(weights), os.fspath(weights))
        return state

    def go_back_to(self, state: State) -> None:
        """Takes over the history of ``state``, and how far data and random streams were."""
        self._optimizer.restore(state.history)
        passes = state.iteration * self._param.iter_size
        readings: list[Reading] = list(state.record.readings) if state.record else [Reading(passes)]
        readings += [Reading()] * (len(self._meters) - len(readings))
        for net, meter, reading in zip(self._nets, self._meters, readings, strict=False):
            net.context.pass_index = reading.passes
            meter.move_to(reading.items, reading.passes)
