"""One line on standard error that is rewritten while something is being made; silent when not on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

BAR_WIDTH = 24


class StepLine:
    """Progress of small jobs: on a terminal a line that changes, elsewhere only the lines of ``done``."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._open = False

    def bar(self, doing: str) -> Callable[[int, int], None]:
        """A progress callback (done, in all): ``reading faces_lmdb [#####.....] 12,000 of 24,000``."""

        def tell(done: int, total: int) -> None:
            filled = BAR_WIDTH * done // max(1, total)
            self.show(f"{doing} [{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {done:,} of {total:,}")

        return tell

    def of(self, verb: str) -> Callable[[str, int, int | None], None]:
        """A progress callback (what, done, in all): ``writing mnist_train_lmdb: 12,000 of 60,000``."""

        def tell(what: str, done: int, total: int | None) -> None:
            self.show(f"{verb} {what}: {done:,}" + (f" of {total:,}" if total is not None else ""))

        return tell

    def show(self, text: str) -> None:
        """Replaces the line by ``text``."""
        if self._live:
            click.echo(f"\r\x1b[2K{text}", err=True, nl=False)
            self._open = True

    def done(self, text: str) -> None:
        """Replaces the line by ``text`` for good."""
        self.clear()
        click.echo(text, err=True)

    def clear(self) -> None:
        """Takes the changing line away."""
        if self._open:
            click.echo("\r\x1b[2K", err=True, nl=False)
            self._open = False
