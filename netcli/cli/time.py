"""``netcli time``."""

from __future__ import annotations

import json
import sys

import click

from netcli.cli import options


@click.command("time")
@click.argument("file", type=options.PROTOTXT)
@click.option("--iterations", type=click.IntRange(min=1), default=20, show_default=True, help="How often to measure.")
@click.option("--batch", type=click.IntRange(min=1), help="Items in a batch.  [default: the net's own]")
@click.option("--forward-only", is_flag=True, help="Leave the backward pass out.")
@options.phase_option
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
    phase: str | None,
    input_shape: tuple[int, int, int] | None,
    threads: int | None,
    device: str,
    as_json: bool,
) -> None:
    """Measure where the time of a net goes.

    FILE is a net or a solver; for a solver a whole training iteration is timed as well. Data layers give a
    fixed batch from memory, so no data are needed. The whole net and its layers are timed in separate passes,
    after everything is compiled; times are medians, with the least and the interquartile range.

    \b
    Example:
      netcli time configs/lenet.prototxt
      netcli time deploy.prototxt --batch 1 --forward-only --threads 1 --json
    """
    from netcli.cli.timing import layer_table, run_timing, summary

    result = run_timing(
        file,
        iterations=iterations,
        batch=batch,
        forward_only=forward_only,
        phase=phase,
        item_shape=input_shape,
        threads=threads,
        device=device,
    )
    if as_json:
        click.echo(json.dumps(result))
    else:
        click.echo(layer_table(result, terminal=sys.stdout.isatty()))
        click.echo(summary(result), err=True)
