"""``netcli show``."""

from __future__ import annotations

import json
import sys

import click

from netcli.cli import options
from netcli.cli.errors import print_findings


@click.command("show")
@click.argument("file", type=options.PROTOTXT)
@options.phase_option
@options.state_options
@options.input_shape_option
@options.json_option
@options.debug_option
def command(
    file: str,
    phase: str | None,
    level: int | None,
    stages: tuple[str, ...],
    input_shape: tuple[int, int, int] | None,
    as_json: bool,
) -> None:
    """Print the shapes, parameters and cost of a net.

    FILE is a net or a solver; of a solver the training net is shown. Needs no weights, and data only where
    nothing but the data tell their shape. MACs are multiply-accumulates of one forward pass over one
    batch, memory is that of the activations.

    \b
    Example:
      netcli show configs/lenet.prototxt
      netcli show deploy.prototxt --json | jq .totals
      netcli show train_val.prototxt --phase TRAIN --input-shape 3,227,227
    """
    from netcli.cli.fixed_feeds import FixedFeeds
    from netcli.cli.loading import load_net_of
    from netcli.data.feed import Feeds
    from netcli.net.graph import build_graph
    from netcli.report.net_summary import net_summary, net_table

    source, wanted = load_net_of(file, phase)
    print_findings(source.notices)
    feeds = FixedFeeds(Feeds(source.file), input_shape)
    graph = build_graph(source, wanted, level=level, stages=stages, feeds=feeds)
    print_findings(graph.notices)
    if as_json:
        click.echo(json.dumps(net_summary(graph)))
    else:
        click.echo(net_table(graph, terminal=sys.stdout.isatty()))
