"""A run on a terminal: the same lines as elsewhere, and below them a live block."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from netcli.report.compile_notice import CompileNotice
from netcli.report.lines import event_line
from netcli.report.live_block import LiveBlock
from netcli.solver import events


class ProgressReport:
    """A listener that shows how far a run is and how it goes on standard error, see ``live_block``.

    Args:
        console: where to draw, for tests; standard error by default.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._compiling = CompileNotice(self.say)
        self._block = LiveBlock()
        self._bar = Bar(
            BarColumn(bar_width=None), MofNCompleteColumn(), TimeRemainingColumn(), console=self.console, expand=True
        )
        self._task = self._bar.add_task("train", start=False, total=None)
        self._live = Live(
            console=self.console, get_renderable=self.block, refresh_per_second=5, transient=True
        )  # fmt: skip

    def __call__(self, event: events.Event) -> None:
        self._compiling(event)
        self._block.take(event)
        match event:
            case events.Started():
                self._bar.update(self._task, total=event.max_iter, completed=event.iteration)
                self._bar.start_task(self._task)
                self._live.start()
            case events.Progress():
                self._bar.update(self._task, completed=event.iteration)
            case events.Finished() | events.Diverged():
                self._live.stop()
        line = event_line(event)
        if line is not None:
            self.say(line)

    def block(self) -> RenderableType:
        """The block as it is now."""
        lines = self._block.training_lines(self._bar.tasks[0].speed, self.console.width)
        shown = [Text(line, no_wrap=True, overflow="ellipsis") for line in (*lines, self._block.test_line()) if line]
        return Group(self._bar.get_renderable(), *shown)

    def say(self, line: str) -> None:
        """Prints a line above the block."""
        self.console.print(line, markup=False)

    def close(self) -> None:
        """Takes the block away."""
        self._compiling.close()
        self._live.stop()
