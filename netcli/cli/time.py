"""``netcli time``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from netcli.cli import options


@click.command("time")
@click.argument("file", type=options.PROTOTXT)
@click.option("--iterations", type=click.IntRange(min=1), default=20, show_default=True, help="How often to measure.")
@click.option("--batch", type=click.IntRange(min=1), help="Items in a batch.  [default: the net's own]")
@click.option("--forward-only", is_flag=True, help="Leave the backward pass out.")
@click.option("--phase", type=click.Choice(["TRAIN", "TEST"], case_sensitive=False), default="TRAIN",
              show_default=True, help="The phase of the net.")  # fmt: skip
@click.option("--sweep-threads", is_flag=True, help="Measure with 1, 2, 4, ... threads, up to --threads.")
@click.option("--compare", type=click.Path(path_type=Path, dir_okay=False), metavar="OLD.json",
              help="Compare with what --json has printed; exit code 1 if the net has become slower.")  # fmt: skip
@click.option("--tolerance", type=click.FloatRange(min=0), default=10, show_default=True, metavar="PERCENT",
              help="How much slower than OLD.json still counts as the same.")  # fmt: skip
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Draw the layers as bars, to a .png, .svg or .pdf.")  # fmt: skip
@options.input_shape_option
@options.threads_option
@options.device_option
@options.json_option
@options.debug_option
def command(
    file: str,
    iterations: int,
    batch: int | None,
    forward_only: bool,
    phase: str,
    sweep_threads: bool,
    compare: Path | None,
    tolerance: float,
    plot: Path | None,
    input_shape: tuple[int, int, int] | None,
    threads: int | None,
    device: str,
    as_json: bool,
) -> None:
    """Measure where the time of a net goes.

    FILE is a net or a solver; for a solver a whole training iteration is timed as well. The whole net and its
    layers are timed in separate passes, after everything is compiled, with a batch in memory, so no data are needed;
    times are medians, with the least and the interquartile range. Where the net's data are at hand, whole iterations
    are then timed with them: how much of an iteration is waiting for data?

    GFLOP/s counts the multiply-additions of the direct computation, two operations each, in the forward pass; so a
    Winograd convolution, which needs fewer, may exceed the peak, which is that of matrix products (sgemm).

    --compare takes a pass for slower if its median and its least time are both above the old ones by more than the
    tolerance; the passes of the whole net decide about the exit code.

    \b
    Example:
      netcli time configs/lenet.prototxt --plot lenet.png
      netcli time configs/lenet.prototxt --json > before.json
      netcli time configs/lenet.prototxt --compare before.json --tolerance 5
      netcli time deploy.prototxt --batch 1 --forward-only --sweep-threads
    """
    from netcli.cli.time_comparison import check_settings_alike, compared, raise_regression, read_measurements
    from netcli.cli.timing import Request, run_timing
    from netcli.report.plotting import check_plot_path, save_figure
    from netcli.report.timing_chart import timing_chart

    if plot is not None:
        check_plot_path(plot)
    old = None if compare is None else read_measurements(compare)
    result = run_timing(
        Request(file, iterations, batch, forward_only, phase, input_shape, threads, sweep_threads, device)
    )
    if old is not None and compare is not None:
        check_settings_alike(old, result, compare)
        result["compare"] = compared(old, result, compare, tolerance / 100)
    if plot is not None:
        save_figure(timing_chart(result), plot)
    if as_json:
        click.echo(json.dumps(result))
    else:
        _print(result)
    if old is not None:
        raise_regression(result["compare"])


def _print(result: dict[str, Any]) -> None:
    """The table that was asked for, or both of them, and on standard error the whole net."""
    from netcli.report import timing_tables as tables

    terminal = sys.stdout.isatty()
    shown = []
    if "sweep" in result:
        shown.append(tables.sweep_table(result, terminal=terminal))
    if "compare" in result:
        shown.append(tables.comparison_table(result["compare"], terminal=terminal))
    click.echo("\n\n".join(shown or [tables.layer_table(result, terminal=terminal)]))
    click.echo(tables.summary(result), err=True)
    if "compare" in result:
        click.echo(tables.comparison_lines(result["compare"]), err=True)
