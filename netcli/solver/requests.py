"""What is asked of a running solver, from signal handlers, other threads and listeners, and when it is answered."""

from __future__ import annotations

from netcli.solver.events import Request
from netcli.solver.ranks import OneRank


class Requests:
    """Requests come at any time; they are answered once all processes that train together know of them."""

    def __init__(self, ranks: OneRank) -> None:
        self._ranks = ranks
        self._made: set[Request] = set()
        # What is asked for before the first iteration is known to all.
        self._agreed = self._made

    def add(self, request: Request) -> None:
        """To be answered after the iteration."""
        self._made.add(request)

    def agree(self) -> None:
        """Tells the other processes, and hears from them."""
        self._agreed = self._ranks.agree(self._made)

    def conclude(self, loss: float) -> float:
        """The same at the end of an iteration, together with its loss: that of all processes comes back."""
        whole, self._agreed = self._ranks.conclude(loss, self._made)
        return whole

    def interrupts_test(self) -> bool:
        """Whether somebody asks to stop; that is not answered yet."""
        return Request.STOP in self._ranks.agree(self._made)

    def takes(self, request: Request) -> bool:
        """True if ``request`` was made; it is answered now."""
        made = request in self._agreed
        if made:
            self._agreed.discard(request)
            self._made.discard(request)
        return made

    def asks_to_end(self) -> str | None:
        """What ends the run, if anything does: "interrupted" or "patience"; it is answered now."""
        stop, finish = self.takes(Request.STOP), self.takes(Request.FINISH)
        return "interrupted" if stop else "patience" if finish else None
