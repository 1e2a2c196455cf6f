"""Training: schedules, update rules, the loop, tests and snapshots. Everything it has to tell are events."""

from netcli.solver import events
from netcli.solver.training import Solver

__all__ = ["Solver", "events"]
