"""``netcli check``."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from netcli.cli import options
from netcli.errors import ExitCode, Finding
from netcli.report.findings.excerpt import SourceLines, excerpt
from netcli.report.findings.github import github_lines
from netcli.report.findings.json_object import json_object
from netcli.report.findings.junit import junit_xml
from netcli.report.findings.sarif import sarif_log


@click.command("check")
@click.argument("paths", type=options.PROTOTXT, nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--format", "output_format", type=click.Choice(["text", "json", "github", "sarif", "junit"]), default="text",
    show_default=True, help="How to print the findings.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="Let warnings fail the check too.")
@options.input_shape_option
@options.debug_option
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[str, ...],
    output_format: str,
    strict: bool,
    input_shape: tuple[int, int, int] | None,
) -> None:
    """Find what is wrong with prototxt files, without data.

    Each PATH is a net, a solver, whose nets are checked with it, a folder, in which every *.prototxt is
    checked, or a quoted pattern such as 'models/**/*.prototxt'. Nets are planned for both phases. All findings
    are listed, not only the first; the exit code is 0 if none of them is an error, else 3.

    A comment `# netcli: ignore NC303` switches a warning off: behind text for its line or the block opened
    there, on a line of its own for the block that it stands in. `netcli explain CODE` tells more of a code.

    \b
    Example:
      netcli check configs
      netcli check solver.prototxt --strict --format github
    """
    from netcli.cli.checking import check_paths
    from netcli.cli.errors import finding_line

    report = check_paths(paths, input_shape)
    if output_format == "text":
        sources = SourceLines()
        for finding in report.findings:
            click.echo("\n".join([finding_line(finding), *excerpt(finding, sources)]))
    else:
        text = _document(output_format, report.files, report.findings, strict=strict)
        if text:
            click.echo(text)
    if output_format in ("text", "github"):
        click.echo(report.summary(), err=True)
    ctx.exit(ExitCode.CONFIG_INVALID if report.failed(strict=strict) else ExitCode.OK)


def _document(output_format: str, files: Sequence[str], findings: Sequence[Finding], *, strict: bool) -> str:
    """The findings in a form for programs."""
    if output_format == "json":
        return json.dumps(json_object(len(files), findings))
    if output_format == "github":
        return "\n".join(github_lines(findings))
    if output_format == "junit":
        return junit_xml(files, findings, strict=strict)
    return json.dumps(sarif_log(findings), indent=2)
