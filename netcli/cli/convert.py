"""``netcli convert``."""

from __future__ import annotations

import click

from netcli.cli import options


@click.command("convert")
@click.argument("weights", type=click.Path(path_type=str))
@click.argument("output", type=click.Path(dir_okay=False))
@click.option("--force", is_flag=True, help="Replace the output file if it is there already.")
@options.debug_option
def command(weights: str, output: str, force: bool) -> None:
    """Rewrite a file of weights in another format.

    WEIGHTS may be a .caffemodel of any age, HDF5 as Caffe writes it, safetensors or npz: its content tells. The
    ending of OUTPUT tells the format to write: .caffemodel, .h5, .safetensors or .npz. Values stay as they are,
    bit for bit; what the format cannot hold is told. All of these can be given as --weights.

    \b
    Example:
      netcli convert old.caffemodel weights.safetensors
      netcli convert weights.npz weights.caffemodel
    """
    from netcli.cli.converting import convert_weights
    from netcli.cli.errors import print_findings

    written = convert_weights(weights, output, force=force)
    print_findings(written.notes)
    click.echo(written, err=True)
