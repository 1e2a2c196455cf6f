"""``netcli show``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from netcli.cli import options
from netcli.cli.errors import print_findings
from netcli.errors import NetcliError

if TYPE_CHECKING:
    from netcli.net.graph import Graph
    from netcli.prototxt import SolverSource


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
    pass. Batches that are read ahead come on top.

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
    from netcli.report.net_memory import net_memory
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
    tests = _test_graphs(solver, input_shape) if solver is not None and graph.context.phase == pb.TRAIN else []
    if as_json:
        found = net_summary(graph, histories, tests, methods=verbose)
        click.echo(json.dumps(found | ({"weights": weights_json(blob_facts(graph, stored))} if stored else {})))
        return
    terminal = sys.stdout.isatty()
    click.echo(net_table(graph, terminal=terminal, methods=verbose))
    if terminal:
        memory = net_memory(graph, histories, tests)
        click.echo(f"\n{memory_table(memory, solver.param.type if solver else '')}")
    if stored:
        click.echo(f"\n{weights_table(blob_facts(graph, stored), terminal=terminal)}")


def _test_graphs(solver: SolverSource, input_shape: tuple[int, int, int] | None) -> list[Graph]:
    """The nets of the tests; none if they have mistakes, which are not what was asked for."""
    from netcli.cli.fixed_feeds import FixedFeeds
    from netcli.data.feed import Feeds
    from netcli.net.graph import build_graph

    try:
        return [build_graph(net, feeds=FixedFeeds(Feeds(net.file), input_shape)) for net in solver.test_nets()]
    except NetcliError:
        return []
