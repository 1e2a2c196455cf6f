"""A run on a terminal: the same lines as elsewhere, and below them a live bar."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from netcli.report import units
from netcli.report.compile_notice import CompileNotice
from netcli.report.lines import event_line, value_text
from netcli.solver import events


class ProgressReport:
    """A listener that shows loss, learning rate, images/s and the time left on standard error.

    Args:
        console: where to draw, for tests; standard error by default.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._compiling = CompileNotice(self.say)
        self._bar = Bar(
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]}  lr {task.fields[lr]}"),
            _ImagesPerSecond(),
            TimeRemainingColumn(),
            console=self.console,
            refresh_per_second=5,
            transient=True,
        )
        self._task = self._bar.add_task("train", start=False, total=None, loss="-", lr="-", images=0)

    def __call__(self, event: events.Event) -> None:
        self._compiling(event)
        match event:
            case events.Started():
                images = event.batch_size * event.iter_size
                self._bar.update(self._task, total=event.max_iter, completed=event.iteration, images=images)
                self._bar.start()
                self._bar.start_task(self._task)
            case events.Progress():
                self._bar.update(self._task, completed=event.iteration, loss=value_text(event.loss))
            case events.Train():
                self._bar.update(self._task, lr=f"{event.lr:.4g}")
            case events.Finished() | events.Diverged():
                self._bar.stop()
        line = event_line(event)
        if line is not None:
            self.say(line)

    def say(self, line: str) -> None:
        """Prints a line above the bar."""
        self.console.print(line, markup=False)

    def close(self) -> None:
        """Takes the bar away."""
        self._compiling.close()
        self._bar.stop()


class _ImagesPerSecond(ProgressColumn):
    """Images a second over the last half minute or so."""

    def render(self, task: Task) -> Text:
        if not task.speed or not task.fields["images"]:
            return Text("- images/s")
        return Text(f"{units.count(round(task.speed * task.fields['images']))} images/s")
