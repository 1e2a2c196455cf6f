"""``netcli export``."""

from __future__ import annotations

import json
import sys

import click

from netcli.cli import options


@click.command("export")
@click.argument("file", type=options.PROTOTXT)
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False),
    help="Where to write it; the ending tells the format: .onnx, .safetensors, .npz, .h5 or .caffemodel.",
)  # fmt: skip
@click.option(
    "--weights", metavar="A[,B...]",
    help="The weights, in any of these formats but ONNX, loaded one after the other.  [default: the solver's]",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1),
    help="Without weights: export what the fillers draw by this seed. With --check, it draws the inputs too.",
)  # fmt: skip
@click.option(
    "--blob", "blobs", multiple=True, metavar="NAME",
    help="ONNX: export what makes this blob, and nothing else; may be repeated.",
)  # fmt: skip
@click.option("--batch", type=click.IntRange(min=1), help="ONNX: items in a batch.  [default: the net's own]")
@click.option("--dynamic-batch", is_flag=True, help="ONNX: take batches of any size.")
@click.option("--check", is_flag=True, help="ONNX: run net and model over the same inputs, and compare.")
@click.option(
    "--tolerance", type=click.FloatRange(min=0), default=1e-4, show_default=True,
    help="With --check: the largest difference to accept, relative to the largest value of an output.",
)  # fmt: skip
@options.state_options
@options.input_shape_option
@options.threads_option
@click.option("--force", is_flag=True, help="Replace the output file if it is there already.")
@options.json_option
@options.debug_option
def command(
    file: str,
    output: str,
    weights: str | None,
    seed: int | None,
    blobs: tuple[str, ...],
    batch: int | None,
    dynamic_batch: bool,
    check: bool,
    tolerance: float,
    level: int | None,
    stages: tuple[str, ...],
    input_shape: tuple[int, int, int] | None,
    threads: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write a net with its weights as ONNX or as a file of weights.

    FILE is a net or a solver; its net for phase TEST is exported. To ONNX it goes in its deployed form: data
    layers become inputs, losses and labels are left out, margin layers become inner products. All that is left
    out or changed is told. A layer that has no counterpart in ONNX is an error. Without --weights, --seed N
    exports the net as its fillers make it.

    \b
    Example:
      netcli export deploy.prototxt --weights model.caffemodel -o model.onnx --check
      netcli export configs/lenet.prototxt --seed 1 -o lenet.onnx --dynamic-batch
      netcli export deploy.prototxt --weights model.safetensors -o model.caffemodel
    """
    from netcli.cli.errors import print_findings
    from netcli.cli.exporting import Request, export_net
    from netcli.cli.written import WrittenModel

    request = Request(
        file=file,
        output=output,
        weights=weights,
        seed=seed,
        blobs=blobs,
        batch=batch,
        dynamic_batch=dynamic_batch,
        check=check,
        tolerance=tolerance,
        level=level,
        stages=stages,
        input_shape=input_shape,
        threads=threads,
        force=force,
    )
    for_models = {"--blob": blobs, "--batch": batch, "--dynamic-batch": dynamic_batch, "--check": check}
    given = [name for name, value in for_models.items() if value]
    if given and not request.is_model:
        raise click.UsageError(f"{given[0]} is for ONNX, and '{output}' is a file of weights")
    result = export_net(request, tell=print_findings)
    if as_json:
        click.echo(json.dumps(result.as_json()))
        return
    if isinstance(result, WrittenModel) and result.check:
        click.echo(result.differences(terminal=sys.stdout.isatty()))
    click.echo(result, err=True)
