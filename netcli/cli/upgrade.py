"""``netcli upgrade``."""

from __future__ import annotations

import os

import click

from netcli.cli import options
from netcli.cli.errors import print_findings
from netcli.errors import RunError


@click.command("upgrade")
@click.argument("file", type=options.PROTOTXT)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), help="Where to write it.  [default: standard output]"
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace the output file if it is there already.")
@options.debug_option
def command(file: str, output: str | None, force: bool) -> None:
    """Rewrite an old prototxt in the modern form.

    FILE is a net or a solver in any form that Caffe ever had: V0 (layers { layer { } }), V1 (layers { } with
    types such as CONVOLUTION), input fields, transform settings inside data parameters, solver_type. What was
    changed is told on standard error. Comments are lost.

    \b
    Example:
      netcli upgrade old.prototxt -o new.prototxt
    """
    from netcli.convert.atomic_file import write_atomically
    from netcli.prototxt import load, to_text

    source = load(file)
    text = to_text(source.param)
    print_findings(source.notices)
    if output is None:
        click.echo(text, nl=False)
        return
    if os.path.exists(output) and not force:
        raise RunError.of("NC512", f"'{output}' exists already", hint="pass --force to replace it")
    write_atomically(output, text.encode("utf-8", "surrogateescape"))
    click.echo(f"wrote {output}", err=True)
