"""What ``netcli test`` does around the measurement: which net, which weights, and how the result reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from netcli.cli.builtin_data import make_builtin_data
from netcli.cli.closer_look import CloserLook, Wanted
from netcli.cli.errors import print_findings
from netcli.cli.evaluation import Evaluation, evaluate
from netcli.cli.skipping import print_skipped
from netcli.convert.caffemodel import read_weights
from netcli.data.skipped import SkippedItems
from netcli.errors import ConfigError, RunError
from netcli.prototxt import NetSource, SolverSource, load, resolve_path
from netcli.report import units
from netcli.report.lines import load_line, value_text
from netcli.report.tables import Column, table
from netcli.runtime.threads import set_threads

SCHEMA = 1


def run_test(
    file: str,
    weights: str | None,
    *,
    index: int,
    skip_bad: bool,
    iterations: int | None,
    threads: int | None,
    device: str,
    verbosity: int,
    wanted: Wanted,
) -> dict[str, Any]:
    """The object of ``netcli test --json``.

    Args:
        wanted: what is to be shown beyond the means of the outputs.

    Raises:
        ConfigError, RunError: NC514 without weights, NC515 without a test net, ...
    """
    wanted.check_names()
    source = load(file)
    net = _test_net(source, index)
    if verbosity >= 0:
        print_findings([*source.notices, *(net.notices if net is not source else ())])
    names = _weights(source, weights)
    messages = [read_weights(name) for name in names]
    set_threads(threads)
    make_builtin_data([net], quiet=verbosity < 0)
    skipped = SkippedItems() if skip_bad else None
    look = CloserLook(wanted, net.file)
    try:
        result = evaluate(net, messages, names, iterations, skipped, look.observe, device)
    finally:
        print_skipped(skipped)
    if verbosity >= 0:
        for report in result.loaded:
            if verbosity > 0 or report.not_in_file:
                click.echo(load_line(report, names=True), err=True)
        for line in _coverage(source, index, result, whole=iterations is None):
            click.echo(line, err=True)
        click.echo(f"{units.count(result.images)} images in {units.duration(result.seconds)}", err=True)
    return {
        "schema": SCHEMA,
        "net": index,
        "weights": list(names),
        "outputs": result.outputs,
        "images": result.images,
        "iterations": result.iterations,
        "batch": result.batch,
        "set_size": result.size,
        "skipped": len(skipped or ()),
        "seconds": round(result.seconds, 3),
        "images_per_s": round(result.images / result.seconds, 1) if result.seconds else None,
        **look.show(),
    }


def output_table(result: dict[str, Any], *, terminal: bool) -> str:
    """One row for each output, and for each top-k accuracy."""
    rows = [[name, value_text(value)] for name, value in result["outputs"].items()]
    rows += [[f"top-{k} of {result['scores']}", value_text(share)] for k, share in result.get("topk", {}).items()]
    return table([Column("output"), Column("mean", right=True)], rows, terminal=terminal)


def _test_net(source: NetSource | SolverSource, index: int) -> NetSource:
    if isinstance(source, NetSource):
        return source
    nets = source.test_nets() or [source.train_net()]
    if index >= len(nets):
        raise ConfigError.of(
            "NC515", f"the solver has no test net {index}", place=source.place("test_iter"),
            expected=f"0 to {len(nets) - 1}", actual=index,
        )  # fmt: skip
    return nets[index]


def _weights(source: NetSource | SolverSource, given: str | None) -> list[str]:
    """The files named on the command line, else those that the solver names."""
    if given is not None:
        return [name for name in given.split(",") if name]
    if isinstance(source, SolverSource) and source.param.weights:
        named = [name for entry in source.param.weights for name in entry.split(",") if name]
        return [str(resolve_path(name, source.file, source.place("weights"))) for name in named]
    raise RunError.of("NC514", "there are no weights to test", hint="pass --weights FILE.caffemodel")


def _coverage(source: NetSource | SolverSource, index: int, result: Evaluation, *, whole: bool) -> Sequence[str]:
    """What share of the set the solver's own test_iter covers, and what share was covered now."""
    if not result.size:
        return []
    lines = []
    if not whole and result.images != result.size:
        share = result.images / result.size
        lines.append(f"{result.iterations} iterations of {result.batch} cover {share:.2f} of the set's {result.size:,}")
    if isinstance(source, SolverSource) and index < len(source.param.test_iter):
        wanted = source.param.test_iter[index]
        share = wanted * result.batch / result.size
        lines.append(f"test_iter {wanted} of {result.batch} covers {share:.2f} of the set's {result.size:,}")
    return lines
