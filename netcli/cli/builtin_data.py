"""Built-in data sets made before a net needs them, with a line that shows how far."""

from __future__ import annotations

from collections.abc import Iterable

from netcli.data.builtin import builtin_source, is_builtin
from netcli.prototxt import NetSource
from netcli.report.step_line import StepLine


def make_builtin_data(nets: Iterable[NetSource], *, quiet: bool) -> None:
    """Makes every built-in set that a layer of ``nets`` reads and that is not in the cache folder yet.

    Raises:
        ConfigError: NC208, there is no such set.
        RunError: NC219, the cache folder cannot be written.
    """
    layers = [layer for net in nets for layer in net.param.layer if layer.type == "Data"]
    for source in dict.fromkeys(layer.data_param.source for layer in layers):
        if is_builtin(source):
            _make(source, quiet)


def _make(source: str, quiet: bool) -> None:
    line = StepLine()
    drawn = 0

    def tell(done: int, total: int) -> None:
        nonlocal drawn
        drawn = done
        if not quiet:
            line.show(f"drawing {source}: {done:,} of {total:,} (first run only)")

    path = builtin_source(source, tell)
    if drawn and not quiet:
        line.done(f"drew {drawn:,} images for {source}, kept in {path}")
