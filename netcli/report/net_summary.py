"""What ``netcli show`` says of a planned net, as JSON and as a table."""

from __future__ import annotations

import math
from typing import Any

from netcli.net.graph import Graph
from netcli.net.step import Step
from netcli.report import units
from netcli.report.tables import Column, table
from netcli.schema import caffe_pb2 as pb

SCHEMA = 1
FLOAT_BYTES = 4

_COLUMNS = (
    Column("layer"),
    Column("type"),
    Column("bottoms"),
    Column("tops"),
    Column("shape"),
    Column("params", right=True),
    Column("lr/decay"),
    Column("MACs", right=True),
    Column("memory", right=True),
)


def net_summary(graph: Graph) -> dict[str, Any]:
    """The promised object of ``netcli show --json``. Names of split copies do not appear in it."""
    steps = _own_steps(graph)
    blobs = {name: list(shape) for name, shape in graph.shapes.items() if name not in graph.split_copies}
    return {
        "schema": SCHEMA,
        "name": graph.name,
        "phase": pb.Phase.Name(graph.context.phase),
        "blobs": blobs,
        "params": {step.name: [list(slot.shape) for slot in step.slots] for step in steps if step.slots},
        "layers": [_layer(graph, step) for step in steps],
        "totals": _totals(graph, steps),
    }


def net_table(graph: Graph, *, terminal: bool) -> str:
    """One row for each layer; on a terminal the totals below."""
    steps = _own_steps(graph)
    totals = _totals(graph, steps)
    rows = [_row(graph, step) for step in steps]
    rows.append(
        [
            "total", "", "", "", "", units.count(totals["params"]), "", units.count(totals["macs"]),
            units.size(totals["activation_bytes"]),
        ]
    )  # fmt: skip
    return table(_COLUMNS, rows, terminal=terminal, footer=1)


def _own_steps(graph: Graph) -> list[Step]:
    """The layers of the prototxt, without the splits that the graph put in."""
    return [step for step in graph.steps if not (step.tops and step.tops[0] in graph.split_copies)]


def _prototxt_name(graph: Graph, blob: str, splits: dict[str, str]) -> str:
    return splits.get(blob, blob)


def _split_origins(graph: Graph) -> dict[str, str]:
    """copy -> the blob that it is a copy of."""
    return {
        top: step.bottoms[0]
        for step in graph.steps
        if step.tops and step.tops[0] in graph.split_copies
        for top in step.tops
    }


def _params_of(step: Step) -> int:
    """Values of the parameters that the layer owns: a shared one counts where it is first."""
    return sum(math.prod(slot.shape) for slot in step.slots if slot.owner is None)


def _memory_of(graph: Graph, step: Step) -> int:
    """Bytes of the tops that the layer does not write in place."""
    return FLOAT_BYTES * sum(math.prod(graph.shapes[top]) for top in step.tops if top not in step.bottoms)


def _layer(graph: Graph, step: Step) -> dict[str, Any]:
    splits = _split_origins(graph)
    return {
        "name": step.name,
        "type": step.layer.type_name,
        "bottoms": [_prototxt_name(graph, name, splits) for name in step.bottoms],
        "tops": list(step.tops),
        "macs": graph.macs(step),
        "params": _params_of(step),
    }


def _totals(graph: Graph, steps: list[Step]) -> dict[str, int]:
    params = sum(_params_of(step) for step in steps)
    return {
        "layers": len(steps),
        "params": params,
        "macs": sum(graph.macs(step) for step in steps),
        "activation_bytes": sum(_memory_of(graph, step) for step in steps),
        "param_bytes": params * FLOAT_BYTES,
    }


def _row(graph: Graph, step: Step) -> list[str]:
    layer = _layer(graph, step)
    multipliers = [f"{slot.root.lr_mult:g}/{slot.root.decay_mult:g}" for slot in step.slots]
    return [
        layer["name"],
        layer["type"],
        " ".join(layer["bottoms"]),
        " ".join(layer["tops"]),
        " ".join(units.shape(graph.shapes[top]) for top in step.tops),
        units.count(layer["params"]) if step.slots else "",
        " ".join(multipliers),
        units.count(layer["macs"]) if layer["macs"] else "",
        units.size(_memory_of(graph, step)),
    ]
