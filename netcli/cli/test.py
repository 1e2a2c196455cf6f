"""``netcli test``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from netcli.cli import options

_FILE = click.Path(path_type=Path, dir_okay=False)


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
@click.option("--topk", type=click.IntRange(min=1), multiple=True, metavar="K",
              help="Add the share of items whose label is among the K best; may be repeated.")  # fmt: skip
@click.option("--per-class", is_flag=True, help="Add a table with one row for each class.")
@click.option("--confusion", type=_FILE, metavar="FILE",
              help="Write the confusion matrix to a .png, .svg, .pdf or .json.")  # fmt: skip
@click.option("--predictions", type=_FILE, metavar="FILE.csv",
              help="Write item, label, predicted class and probabilities, a line for each item.")  # fmt: skip
@click.option("--worst", type=_FILE, metavar="FILE",
              help="Draw the images with the least probability of their label, to a .png, .svg or .pdf.")  # fmt: skip
@click.option("--scores", metavar="BLOB",
              help="The scores of the classes.  [default: what the last Accuracy reads, or the last loss]")  # fmt: skip
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
    topk: tuple[int, ...],
    per_class: bool,
    confusion: Path | None,
    predictions: Path | None,
    worst: Path | None,
    scores: str | None,
    skip_bad: bool,
    threads: int | None,
    device: str,
    as_json: bool,
    verbosity: int,
) -> None:
    """Measure trained weights on the whole test set.

    FILE is a solver, whose test net is used, or a net. Each item counts exactly once: the last batch is as
    small as it must be. With --iterations batches are counted instead, as in Caffe.

    Of a net that classifies, single items can be looked at: the classes' scores are what its Accuracy or loss reads,
    probabilities their softmax. Items whose label is ignored count in no class.

    \b
    Example:
      netcli test configs/lenet.prototxt --weights runs/lenet-001/model_iter_1000.caffemodel
      netcli test configs/lenet.prototxt --weights lenet.caffemodel --per-class --topk 3 --worst worst.png
      netcli test train_val.prototxt --weights model.caffemodel --json --predictions predictions.csv
    """
    from netcli.cli.closer_look import Wanted
    from netcli.cli.testing import output_table, run_test
    from netcli.report.class_table import class_table

    result = run_test(
        file,
        weights,
        index=index,
        skip_bad=skip_bad,
        iterations=iterations,
        threads=threads,
        verbosity=verbosity,
        device=device,
        wanted=Wanted(predictions, confusion, per_class, topk, worst, scores),
    )
    if as_json:
        click.echo(json.dumps(result))
        return
    terminal = sys.stdout.isatty()
    click.echo(output_table(result, terminal=terminal))
    if per_class:
        click.echo(f"\n{class_table(result['classes'], terminal=terminal)}")
