"""What ``netcli time`` does around the measurement: which net, and how the result reads."""

from __future__ import annotations

import dataclasses
from typing import Any

from netcli.cli.batch_size import batch_size_of, with_batch_size
from netcli.cli.errors import print_findings
from netcli.cli.fixed_feeds import FixedFeeds, ItemShape, fill_memory_layers
from netcli.cli.loading import net_of_solver
from netcli.cli.measuring import NetTimer, Spread, Timing, peak_gflops
from netcli.data.feed import Feeds
from netcli.net.net import Net
from netcli.prototxt import SolverSource, load
from netcli.report import units
from netcli.report.tables import Column, table
from netcli.runtime.threads import set_threads
from netcli.schema import caffe_pb2 as pb
from netcli.solver.optimizer import Optimizer
from netcli.solver.settings import check_settings, raise_errors

SCHEMA = 1

_COLUMNS = (
    Column("layer"),
    Column("type"),
    Column("forward ms", right=True),
    Column("iqr", right=True),
    Column("backward ms", right=True),
    Column("iqr", right=True),
    Column("share", right=True),
    Column("GFLOP/s", right=True),
    Column("of sgemm", right=True),
)


def run_timing(
    file: str,
    *,
    iterations: int,
    batch: int | None,
    forward_only: bool,
    phase: str | None,
    item_shape: ItemShape | None,
    threads: int | None,
    device: str,
) -> dict[str, Any]:
    """The object of ``netcli time --json``. The phase is TRAIN by default.

    Raises:
        ConfigError: NC130 if the shape of the data can neither be known nor is given, and all other findings.
    """
    source = load(file)
    wanted = pb.TRAIN if phase is None else pb.Phase.Value(phase)
    solver = source if isinstance(source, SolverSource) else None
    if solver is not None:
        print_findings(raise_errors([*solver.notices, *check_settings(solver)]))
    net_source = net_of_solver(solver, wanted) if solver is not None else source
    assert not isinstance(net_source, SolverSource)
    print_findings(net_source.notices)
    if batch is not None:
        net_source = with_batch_size(net_source, batch)
    used = set_threads(threads)
    net = Net(net_source, wanted, feeds=FixedFeeds(Feeds(net_source.file), item_shape), seed=0)
    fill_memory_layers(net)
    optimizer = None
    if solver is not None and wanted == pb.TRAIN:
        optimizer = Optimizer(solver.param, net.learnable, net.context.dtype)
    iter_size = solver.param.iter_size if solver is not None else 1
    timing = NetTimer(net, optimizer, iter_size, forward_only=forward_only).run(iterations)
    images = batch_size_of(net.graph)
    result: dict[str, Any] = {
        "schema": SCHEMA,
        "batch": images,
        "threads": used,
        "device": device,
        "iterations": iterations,
        "phase": pb.Phase.Name(wanted),
    }
    return result | _measurements(timing, images, iter_size) | {"peak_gflops": round(peak_gflops(used), 1)}


def _measurements(timing: Timing, images: int, iter_size: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "compile_s": round(timing.compile_s, 3),
        "forward_ms": _spread(timing.forward),
        "backward_ms": _spread(timing.backward),
        "forward_backward_ms": _spread(timing.forward_backward),
    }
    whole, passes = timing.forward_backward or timing.forward, 1
    if timing.training_iteration is not None:
        result["training_iteration_ms"] = _spread(timing.training_iteration)
        whole, passes = timing.training_iteration, iter_size
    result["images_per_s"] = round(1000 * images * passes / whole.median, 1) if whole.median else None
    result["layers"] = [
        {
            "name": layer.name,
            "type": layer.type,
            "forward_ms": _spread(layer.forward),
            "backward_ms": _spread(layer.backward),
            "gflops": None if layer.gflops is None else round(layer.gflops, 2),
        }
        for layer in timing.layers
    ]
    result["unattributed_ms"] = round(timing.unattributed_ms, 4)
    return result


def layer_table(result: dict[str, Any], *, terminal: bool) -> str:
    """One row for each layer, and one for what they do not account for."""
    whole = (result["forward_backward_ms"] or result["forward_ms"])["median"]
    rows = [_row(layer, whole, result["peak_gflops"]) for layer in result["layers"]]
    rows.append(["unattributed", "", f"{result['unattributed_ms']:.3f}", *[""] * 6])
    return table(_COLUMNS, rows, terminal=terminal)


def summary(result: dict[str, Any]) -> str:
    """The whole net, and how it was measured."""
    lines = []
    for key, title in (
        ("forward_ms", "forward"),
        ("backward_ms", "backward"),
        ("forward_backward_ms", "forward and backward"),
        ("training_iteration_ms", "training iteration"),
    ):
        if result.get(key):
            spread = result[key]
            lines.append(f"{title:21} {spread['median']:.3f} ms, min {spread['min']:.3f}, iqr {spread['iqr']:.3f}")
    lines += [
        f"{'images':21} {units.count(round(result['images_per_s'] or 0))} a second",
        f"{'first pass':21} {units.duration(result['compile_s'])}, compiling included",
        f"{'sgemm peak':21} {result['peak_gflops']:.1f} GFLOP/s",
        f"phase {result['phase']}, batch {result['batch']}, threads {result['threads']}, "
        f"medians of {result['iterations']} iterations",
    ]
    return "\n".join(lines)


def _row(layer: dict[str, Any], whole: float, peak: float) -> list[str]:
    forward, backward, gflops = layer["forward_ms"], layer["backward_ms"], layer["gflops"]
    spent = forward["median"] + (backward["median"] if backward else 0)
    return [
        layer["name"],
        layer["type"],
        f"{forward['median']:.3f}",
        f"{forward['iqr']:.3f}",
        f"{backward['median']:.3f}" if backward else "",
        f"{backward['iqr']:.3f}" if backward else "",
        f"{spent / whole:.1%}" if whole else "",
        f"{gflops:.2f}" if gflops else "",
        f"{gflops / peak:.1%}" if gflops else "",
    ]


def _spread(spread: Spread | None) -> dict[str, float] | None:
    if spread is None:
        return None
    return {name: round(value, 4) for name, value in dataclasses.asdict(spread).items()}
