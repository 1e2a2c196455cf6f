"""``netcli check``."""

from __future__ import annotations

import json

import click

from netcli.cli import options
from netcli.errors import ExitCode


@click.command("check")
@click.argument("paths", type=options.PROTOTXT, nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="How to print the findings.",
)  # fmt: skip
@options.input_shape_option
@options.debug_option
@click.pass_context
def command(
    ctx: click.Context, paths: tuple[str, ...], output_format: str, input_shape: tuple[int, int, int] | None
) -> None:
    """Find what is wrong with prototxt files, without data.

    Each PATH is a net, a solver, whose nets are checked with it, or a folder, in which every *.prototxt is
    checked. Nets are planned for both phases. All findings are listed, not only the first; the exit code is
    0 if none of them is an error, else 3.

    \b
    Example:
      netcli check configs
      netcli check solver.prototxt --format json
    """
    from netcli.cli.checking import check_paths
    from netcli.cli.errors import finding_line

    report = check_paths(paths, input_shape)
    if output_format == "json":
        click.echo(json.dumps(report.as_json()))
    else:
        for finding in report.findings:
            click.echo(finding_line(finding))
        click.echo(report.summary(), err=True)
    ctx.exit(ExitCode.CONFIG_INVALID if report.failed else ExitCode.OK)
