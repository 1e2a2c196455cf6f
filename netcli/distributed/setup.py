"""How processes find out, before they train, that one of them cannot."""

from __future__ import annotations

from dataclasses import dataclass

from netcli.distributed.world import World


@dataclass
class OthersFailed(Exception):
    """Some processes have failed: ``lines`` say how, and all are to exit with ``code``."""

    lines: list[str]
    code: int


class Setup:
    """Meetings of all processes on the way to the first iteration; at each, everyone tells whether it has failed.

    Attributes:
        finished: whether the last meeting is over. From then on there is nobody to meet.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.finished = False

    def meet(self) -> None:
        """Waits for the other processes. Raises OthersFailed if one of them calls ``fail`` instead."""
        if not self.finished:
            self._meet([], 0)

    def fail(self, lines: list[str], code: int) -> None:
        """Tells the others, who wait at the next meeting. Raises OthersFailed."""
        self._meet(lines, code)

    def finish(self) -> None:
        """The last meeting."""
        self._meet([], 0)
        self.finished = True

    def _meet(self, lines: list[str], code: int) -> None:
        told = self._world.gather((lines, code))
        failed = [rank for rank, (_, code) in enumerate(told) if code]
        if not failed:
            return
        first, code = told[failed[0]]
        if failed == [0] or (len(failed) == len(told) and all(lines == first for lines, _ in told)):
            raise OthersFailed(first, code)
        raise OthersFailed([f"rank {rank}: {line}" for rank in failed for line in told[rank][0]], code)
