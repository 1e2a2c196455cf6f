"""``netcli layers``."""

from __future__ import annotations

import json
import sys

import click

from netcli.cli import options


@click.command("layers")
@click.argument("types", nargs=-1, metavar="[TYPE]...")
@options.json_option
@options.debug_option
def command(types: tuple[str, ...], as_json: bool) -> None:
    """Print what the layer types do.

    Without TYPE all types are listed. For a TYPE: its equations, shapes and learned blobs, how many bottoms and
    tops it takes, and the fields of its parameters with their defaults. TYPE may be a name of V1 prototxts.

    \b
    Example:
      netcli layers
      netcli layers Convolution
      netcli layers SoftmaxWithLoss --json
    """
    from netcli.errors import did_you_mean
    from netcli.layers.registry import layer_types
    from netcli.report.layer_reference import SCHEMA, find_type, layer_summary, layer_text, type_list

    known = layer_types()
    chosen = []
    for name in types:
        found = find_type(name, known)
        if found is None:
            hint, _ = did_you_mean(name, known)
            raise click.BadParameter(f"unknown layer type '{name}'" + (f": {hint}" if hint else ""), param_hint="TYPE")
        chosen.append(found)
    if as_json:
        summaries = [layer_summary(layer) for layer in chosen or known.values()]
        click.echo(json.dumps({"schema": SCHEMA, "layers": summaries}))
    elif chosen:
        click.echo("\n\n".join(layer_text(layer) for layer in chosen))
    else:
        click.echo(type_list(known, terminal=sys.stdout.isatty()))
