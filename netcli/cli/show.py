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
@click.option("--weights", metavar="A[,B...]", help="Add norms and histograms of the blobs in these files.")
@click.option(
    "-v", "--verbose", is_flag=True, help="Tell how the CPU computes each layer where there are several ways."
)
@options.json_option
@options.debug_option
def command(
    file: str,
    phase: str | None,
    level: int | None,
    stages: tuple[str, ...],
    input_shape: tuple[int, int, int] | None,
    weights: str | None,
    verbose: bool,
    as_json: bool,
) -> None:
    """Print the shapes, parameters and cost of a net.

    FILE is a net or a solver; of a solver the training net is shown. Needs no weights, and data only where
    nothing but the data tell their shape. MACs are multiply-accumulates of one forward pass over one
    batch. Memory is what the process needs at most on a CPU, by kind: training, or in phase TEST a forward
    pass. Batches that are read ahead and the nets of a solver's tests come on top.

    \b
    Example:
      netcli show configs/lenet.prototxt
      netcli show deploy.prototxt --json | jq .totals
      netcli show train_val.prototxt --phase TRAIN --input-shape 3,227,227
      netcli show configs/lenet.prototxt --weights runs/lenet-001/model_iter_1000.caffemodel
    """
    from netcli.cli.fixed_feeds import FixedFeeds
    from netcli.cli.loading import net_of_solver
    from netcli.convert.caffemodel import read_weights
    from netcli.data.feed import Feeds
    from netcli.net.graph import build_graph
    from netcli.prototxt import SolverSource, load
    from netcli.report.net_summary import memory_table, net_summary, net_table
    from netcli.report.weight_summary import blob_facts, weights_json, weights_table
    from netcli.schema import caffe_pb2 as pb
    from netcli.solver.update_rules import histories_of

    loaded = load(file)
    wanted = None if phase is None else pb.Phase.Value(phase)
    solver = loaded if isinstance(loaded, SolverSource) else None
    source = net_of_solver(loaded, wanted) if isinstance(loaded, SolverSource) else loaded
    print_findings(source.notices)
    feeds = FixedFeeds(Feeds(source.file), input_shape)
    graph = build_graph(source, wanted, level=level, stages=stages, feeds=feeds)
    print_findings(graph.notices)
    histories = 0 if solver is None else histories_of(solver.param)
    stored = [read_weights(name.strip()) for name in weights.split(",")] if weights else []
    if as_json:
        found = net_summary(graph, histories, methods=verbose)
        click.echo(json.dumps(found | ({"weights": weights_json(blob_facts(graph, stored))} if stored else {})))
        return
    terminal = sys.stdout.isatty()
    click.echo(net_table(graph, terminal=terminal, methods=verbose))
    if terminal:
        click.echo(f"\n{memory_table(graph, histories, solver.param.type if solver else '')}")
    if stored:
        click.echo(f"\n{weights_table(blob_facts(graph, stored), terminal=terminal)}")
