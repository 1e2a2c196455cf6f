"""``netcli draw``."""

from __future__ import annotations

from pathlib import Path

import click

from netcli.cli import options
from netcli.cli.errors import print_findings

ENDINGS = {".mmd": "mermaid", ".mermaid": "mermaid", ".dot": "dot", ".gv": "dot", ".svg": "svg"}


@click.command("draw")
@click.argument("file", type=options.PROTOTXT)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Where to: .mmd, .dot or .svg.  [default: standard output]")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["mermaid", "dot", "svg"]),
              help="The format.  [default: as the name of --out says, else mermaid]")  # fmt: skip
@options.phase_option
@options.state_options
@options.input_shape_option
@options.debug_option
def command(
    file: str,
    out: Path | None,
    form: str | None,
    phase: str | None,
    level: int | None,
    stages: tuple[str, ...],
    input_shape: tuple[int, int, int] | None,
) -> None:
    """Draw a net, with the shapes of its blobs.

    FILE is a net or a solver; of a solver the training net is drawn. Layers that work in place stand in the box of
    the layer whose blob they change. Blue boxes learn, grey ones bring data, red ones are losses and accuracies.
    GitHub shows mermaid in Markdown; dot is for Graphviz; SVG needs nothing else.

    \b
    Example:
      netcli draw configs/lenet.prototxt --out lenet.svg
      netcli draw deploy.prototxt --format dot | dot -Tpdf -o net.pdf
    """
    from netcli.cli.fixed_feeds import FixedFeeds
    from netcli.cli.loading import load_net_of
    from netcli.convert.atomic_file import write_atomically
    from netcli.data.feed import Feeds
    from netcli.net.graph import build_graph
    from netcli.report.drawing.diagram import diagram_of
    from netcli.report.drawing.svg import as_svg
    from netcli.report.drawing.text_formats import as_dot, as_mermaid

    if form is None:
        form = "mermaid" if out is None else ENDINGS.get(out.suffix.lower())
    if form is None:
        raise click.UsageError(f"'{out}' does not tell a format: end it in {', '.join(ENDINGS)}, or say --format")
    source, wanted = load_net_of(file, phase)
    print_findings(source.notices)
    graph = build_graph(source, wanted, level=level, stages=stages, feeds=FixedFeeds(Feeds(source.file), input_shape))
    text = {"mermaid": as_mermaid, "dot": as_dot, "svg": as_svg}[form](diagram_of(graph))
    if out is None:
        click.echo(text, nl=False)
    else:
        write_atomically(out, text.encode())
