"""What the processes of a training run do that do not lead it: they compute, and neither write nor speak."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from netcli.cli.interrupts import signal_effects
from netcli.cli.training_options import TrainingOptions
from netcli.cli.training_source import load_training, solver_for
from netcli.data.skipped import SkippedItems
from netcli.runtime.threads import set_threads
from netcli.solver import events
from netcli.solver.ranks import OneRank


@dataclass(frozen=True)
class Beginning:
    """What the process that leads tells the others before there is a solver."""

    seed: int
    resumes: bool


class FollowingRun:
    """One of the other processes. As ``netcli.cli.training.TrainingRun``, and in step with it.

    Args:
        file, options: as there.
        ranks: the processes of the run.

    Raises:
        ConfigError, RunError: before anything is computed.
    """

    def __init__(self, file: str, options: TrainingOptions, ranks: OneRank) -> None:
        self._options = options
        self._ranks = ranks
        self._skipped = SkippedItems() if options.skip_bad else None
        self._reason = ""
        source = load_training(file, options, ranks)
        set_threads(options.threads)
        beginning = ranks.from_leader(_only_the_leader_knows)
        self._solver = solver_for(source, options, beginning.seed, ranks, skipped=self._skipped)
        self._solver.listeners.append(self._tell)
        if beginning.resumes:
            self._solver.restore("")

    def solve(self) -> str:
        """Trains to the end; returns why it ended, as ``TrainingRun.solve`` does."""
        options = self._options
        with contextlib.ExitStack() as stack:
            stack.callback(self._solver.close)
            stack.enter_context(
                signal_effects(
                    self._solver.request, options.sigint_effect, options.sighup_effect, sigterm="stop", speaks=False
                )
            )
            self._solver.solve()
            if self._skipped is not None:
                self._ranks.merged(self._skipped.messages)
        return self._reason

    def _tell(self, event: events.Event) -> None:
        if isinstance(event, events.Finished):
            self._reason = event.reason


def _only_the_leader_knows() -> Beginning:
    raise AssertionError("only the process that leads is asked")
