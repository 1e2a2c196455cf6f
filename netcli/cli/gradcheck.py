"""``netcli gradcheck``."""

from __future__ import annotations

import json
import sys

import click

from netcli.cli import options
from netcli.errors import RunError


@click.command("gradcheck")
@click.argument("file", type=options.PROTOTXT)
@click.option("--layer", "layers", multiple=True, metavar="NAME", help="Check only this layer; may be repeated.")
@click.option("--samples", type=click.IntRange(min=1), default=16, show_default=True,
              help="Elements of each blob to check, at most.")  # fmt: skip
@click.option("--step", type=click.FloatRange(min=0, min_open=True), default=1e-5, show_default=True,
              help="Step of the differences, relative to the root mean square of the blob.")  # fmt: skip
@click.option("--tolerance", type=click.FloatRange(min=0, min_open=True), default=1e-5, show_default=True,
              help="Largest error, relative to the largest gradient in the blob.")  # fmt: skip
@click.option("--batch", type=click.IntRange(min=1), help="Items in a batch.  [default: the net's own]")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True,
              help="Seed of weights and data, and of the choice of elements.")  # fmt: skip
@click.option("--phase", type=click.Choice(["TRAIN", "TEST"], case_sensitive=False), default="TRAIN",
              show_default=True, help="The phase of the net.")  # fmt: skip
@options.input_shape_option
@options.threads_option
@options.json_option
@options.debug_option
def command(
    file: str,
    layers: tuple[str, ...],
    samples: int,
    step: float,
    tolerance: float,
    batch: int | None,
    seed: int,
    phase: str,
    input_shape: tuple[int, int, int] | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Compare the gradients of a net with differences, layer by layer.

    FILE is a net or a solver; of a solver the training net is checked. In double precision, with weights from
    the fillers and random data, so neither weights nor data are needed. Every layer is checked by itself: what its
    backward pass gives for its bottoms and parameters, against central differences of its own forward pass.
    Elements at a kink (a ReLU at 0, equal values under a maximum) are left out and counted. Layers that
    have no gradient to compare, such as data layers and Accuracy, are listed with the reason. A wrong gradient
    gives exit code 1.

    \b
    Example:
      netcli gradcheck configs/lenet.prototxt --batch 4
      netcli gradcheck train_val.prototxt --input-shape 3,112,96 --layer fc5 --json
    """
    from netcli.cli.gradient_checking import run_gradient_check
    from netcli.net.gradient_check import Settings
    from netcli.report.gradient_table import gradient_line, gradient_summary, gradient_table

    settings = Settings(step, tolerance, samples, seed)
    net, results = run_gradient_check(
        file, settings, layers, phase=phase, batch=batch, item_shape=input_shape, threads=threads
    )
    if as_json:
        click.echo(json.dumps(gradient_summary(net, settings, results)))
    else:
        click.echo(gradient_table(results, terminal=sys.stdout.isatty()))
        click.echo(gradient_line(results), err=True)
    wrong = [finding for result in results for finding in result.findings()]
    if wrong:
        raise RunError(wrong)
