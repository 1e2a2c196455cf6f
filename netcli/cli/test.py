"""``netcli test``."""

from __future__ import annotations

import json
import sys

import click

from netcli.cli import options


@click.command("test")
@click.argument("file", type=options.PROTOTXT)
@click.option("--weights", metavar="A[,B...]", help="The weights to test (.caffemodel), loaded one after the other.")
@click.option(
    "--iterations", type=click.IntRange(min=1), help="Batches to test.  [default: the whole set, each item once]"
)  # fmt: skip
@click.option(
    "--net", "index", type=click.IntRange(min=0), default=0, show_default=True,
    help="Which of the solver's test nets.",
)  # fmt: skip
@options.skip_bad_option
@options.threads_option
@options.device_option
@options.json_option
@options.verbosity_options
@options.debug_option
def command(
    file: str,
    weights: str | None,
    iterations: int | None,
    index: int,
    skip_bad: bool,
    threads: int | None,
    device: str,
    as_json: bool,
    verbosity: int,
) -> None:
    """Measure trained weights on the whole test set.

    FILE is a solver, whose test net is used, or a net. Each item counts exactly once: the last batch is as
    small as it must be. With --iterations batches are counted instead, as in Caffe.

    \b
    Example:
      netcli test configs/lenet.prototxt --weights runs/lenet-001/model_iter_1000.caffemodel
      netcli test train_val.prototxt --weights model.caffemodel --json
    """
    from netcli.cli.testing import output_table, run_test

    result = run_test(
        file,
        weights,
        index=index,
        skip_bad=skip_bad,
        iterations=iterations,
        threads=threads,
        verbosity=verbosity,
    )
    if as_json:
        click.echo(json.dumps(result))
    else:
        click.echo(output_table(result, terminal=sys.stdout.isatty()))
