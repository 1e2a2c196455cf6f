"""Events as lines of text: sober, aligned in meaning rather than in columns, one line an event."""

from __future__ import annotations

import os
from pathlib import Path

from netcli.net.weights import LoadReport
from netcli.report import units
from netcli.report.divergence import divergence_text
from netcli.solver import events

SHOWN_VALUES = 10
"""A blob with more values than this is summarised, never printed value by value."""


_ENDS = {"interrupted": "interrupted", "patience": "finished early: no better test for --patience tests,"}


def event_line(event: events.Event) -> str | None:
    """The line for ``event``; None if it has nothing to say."""
    match event:
        case events.Train():
            return _train(event)
        case events.Test():
            return _test(event)
        case events.Snapshot():
            return f"snapshot at {event.iteration}: {short_path(event.weights)}"
        case events.Finished():
            done = _ENDS.get(event.reason, "finished")
            plural = "" if event.iteration == 1 else "s"
            return f"{done} after {units.count(event.iteration)} iteration{plural}, {units.duration(event.seconds)}"
        case events.Diverged():
            return divergence_text(event)
        case events.Debug():
            return event.line
        case _:
            return None


def outputs_text(outputs: events.Outputs) -> str:
    """``accuracy 0.9912, loss 0.0301``."""
    return ", ".join(f"{name} {value_text(value)}" for name, value in outputs.items())


def load_line(report: LoadReport, *, names: bool) -> str:
    """What became of the layers when weights were loaded: counts, and with ``names`` which they were."""
    parts = [
        f"{len(layers)} layer{'' if len(layers) == 1 else 's'} {what}" + (f" ({', '.join(layers)})" if names else "")
        for layers, what in (
            ([*report.loaded, *report.reshaped], "loaded"),
            (report.not_in_file, "not in the file, so as they were"),
            (report.not_in_net, "of the file not in the net"),
        )
        if layers
    ]
    return f"weights {report.source}: {', '.join(parts)}"


def value_text(value: float | list[float]) -> str:
    """A number, a few numbers, or the count and mean of many."""
    if isinstance(value, float | int):
        return f"{value:.4g}" if abs(value) < 1e-3 or abs(value) >= 1e4 else f"{value:.4f}"
    if len(value) <= SHOWN_VALUES:
        return "(" + " ".join(map(value_text, value)) + ")"
    return f"({len(value)} values, mean {value_text(sum(value) / len(value))})"


def short_path(path: Path) -> str:
    """``path`` from the working directory if it lies below it."""
    try:
        return str(path.absolute().relative_to(os.getcwd()))
    except ValueError:
        return str(path)


def _train(event: events.Train) -> str:
    parts = [f"loss {value_text(event.smoothed_loss)}"]
    parts += [f"{name} {value_text(value)}" for name, value in event.outputs.items() if name not in event.loss_weights]
    if len(event.loss_weights) > 1:
        parts += [f"{name} {value_text(event.outputs[name])}" for name in event.loss_weights if name in event.outputs]
    parts.append(f"lr {event.lr:.4g}")
    parts += [f"lambda of {layer} {value:.4g}" for layer, value in event.lambdas.items()]
    if event.iterations > 1 and event.seconds > 0:
        parts.append(f"{units.count(round(event.images / event.seconds))} images/s")
        if event.data_wait > 0.1:
            parts.append(f"{event.data_wait:.0%} of the time waiting for data")
        if event.comm_wait is not None:
            parts.append(f"{event.comm_wait:.0%} waiting for other ranks")
    epoch = "" if event.epoch is None else f" (epoch {event.epoch:.2f})"
    return f"iteration {event.iteration}{epoch}: {', '.join(parts)}"


def _test(event: events.Test) -> str:
    net = f" of net {event.net}" if event.net else ""
    images = f"{units.count(event.images)} images" if event.images else f"{event.iterations} iterations"
    return f"test{net} at {event.iteration}: {outputs_text(event.outputs)} ({images})"
