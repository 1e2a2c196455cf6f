"""What ``netcli show`` says of a planned net, as JSON and as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from netcli.net.graph import Graph
from netcli.net.step import Step
from netcli.report import units
from netcli.report.net_memory import (
    MachineMemory,
    NetMemory,
    activation_bytes,
    gradient_bytes,
    machine_memory,
    net_memory,
    param_bytes,
)
from netcli.report.tables import GAP, Column, aligned, table
from netcli.schema import caffe_pb2 as pb

SCHEMA = 1

_COLUMNS = (
    Column("layer"),
    Column("type"),
    Column("bottoms"),
    Column("in"),
    Column("tops"),
    Column("out"),
    Column("params", right=True),
    Column("lr/decay"),
    Column("MACs", right=True),
    Column("activations", right=True),
)


def net_summary(
    graph: Graph, histories: int = 0, tests: Sequence[Graph] = (), *, methods: bool = False
) -> dict[str, Any]:
    """The promised object of ``netcli show --json``. Names of split copies do not appear in it.

    Args:
        histories: arrays that the solver keeps for each parameter, if there is one.
        tests: the nets of its tests.
        methods: tell how the CPU computes each layer.
    """
    steps = _own_steps(graph)
    blobs = {name: list(shape) for name, shape in graph.shapes.items() if name not in graph.split_copies}
    machine = machine_memory()
    return {
        "schema": SCHEMA,
        "name": graph.name,
        "phase": pb.Phase.Name(graph.context.phase),
        "blobs": blobs,
        "params": {step.name: [list(slot.shape) for slot in step.slots] for step in steps if step.slots},
        "layers": [_layer(graph, step) | ({"method": _method(graph, step)} if methods else {}) for step in steps],
        "totals": _totals(graph, steps, net_memory(graph, histories, tests)),
        "machine": {"memory_bytes": machine.total, "available_bytes": machine.available},
    }


def net_table(graph: Graph, *, terminal: bool, methods: bool = False) -> str:
    """One row for each layer, with ``methods`` how the CPU computes it; on a terminal the totals below."""
    steps = _own_steps(graph)
    rows = [[*_row(graph, step), *([_method(graph, step)] if methods else [])] for step in steps]
    rows.append(
        [
            "total", "", "", "", "", "", units.count(sum(map(_params_of, steps))), "", units.count(_macs(graph, steps)),
            units.size(sum(activation_bytes(graph, step) for step in steps)), *([""] if methods else []),
        ]
    )  # fmt: skip
    columns = (*_COLUMNS, Column("method")) if methods else _COLUMNS
    return table(columns, rows, terminal=terminal, footer=1)


def memory_table(memory: NetMemory, solver_type: str) -> str:
    """Memory by kind, and against what the machine has; for a terminal."""
    machine = machine_memory()
    kinds = [
        ("activations", memory.activations),
        ("gradients of activations", memory.gradients),
        ("kept by layers for backward", memory.kept),
        ("the kernels' layout", memory.layout),
        ("scratch of kernels", memory.scratch),
        ("parameters", memory.params),
        ("gradients of parameters", memory.param_gradients),
        (f"history of {solver_type}", memory.history),
        ("nets of the tests", memory.tests),
        ("netcli itself, about", memory.program),
    ]
    rows = [[name, units.size(size)] for name, size in kinds if size]
    text = aligned(
        [Column("memory"), Column("at most", right=True)], [*rows, ["total", units.size(memory.total)]], footer=1
    )
    return text + GAP + _against(memory, machine)


def _against(memory: NetMemory, machine: MachineMemory) -> str:
    """``of 1.9 GiB free, 7.6 GiB in all``."""
    parts = [
        f"{units.size(size)} {what}"
        for size, what in ((machine.available, "free"), (machine.total, "in all"))
        if size is not None
    ]
    too_much = machine.available is not None and memory.total > machine.available
    return (f"of {', '.join(parts)}" if parts else "") + ("  MORE THAN IS FREE" if too_much else "")


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


def _layer(graph: Graph, step: Step) -> dict[str, Any]:
    splits = _split_origins(graph)
    return {
        "name": step.name,
        "type": step.layer.type_name,
        "bottoms": [_prototxt_name(graph, name, splits) for name in step.bottoms],
        "tops": list(step.tops),
        "macs": graph.macs(step),
        "params": _params_of(step),
        "bottom_shapes": [list(graph.shapes[name]) for name in step.bottoms],
        "top_shapes": [list(graph.shapes[name]) for name in step.tops],
        "lr_mult": [slot.root.lr_mult for slot in step.slots],
        "decay_mult": [slot.root.decay_mult for slot in step.slots],
        "activation_bytes": activation_bytes(graph, step),
        "gradient_bytes": gradient_bytes(graph, step),
        "param_bytes": param_bytes(step),
    }


def _method(graph: Graph, step: Step) -> str:
    return step.layer.method([graph.shapes[name] for name in step.bottoms])


def _totals(graph: Graph, steps: list[Step], memory: NetMemory) -> dict[str, int]:
    return {
        "layers": len(steps),
        "params": sum(_params_of(step) for step in steps),
        "macs": _macs(graph, steps),
        "activation_bytes": memory.activations,
        "param_bytes": memory.params,
        "gradient_bytes": memory.gradients,
        "kept_bytes": memory.kept,
        "layout_bytes": memory.layout,
        "scratch_bytes": memory.scratch,
        "param_gradient_bytes": memory.param_gradients,
        "history_bytes": memory.history,
        "test_bytes": memory.tests,
        "program_bytes": memory.program,
        "total_bytes": memory.total,
    }


def _macs(graph: Graph, steps: list[Step]) -> int:
    return sum(graph.macs(step) for step in steps)


def _row(graph: Graph, step: Step) -> list[str]:
    layer = _layer(graph, step)
    multipliers = [f"{slot.root.lr_mult:g}/{slot.root.decay_mult:g}" for slot in step.slots]
    return [
        layer["name"],
        layer["type"],
        " ".join(layer["bottoms"]),
        " ".join(units.shape(graph.shapes[bottom]) for bottom in step.bottoms),
        " ".join(layer["tops"]),
        " ".join(units.shape(graph.shapes[top]) for top in step.tops),
        units.count(layer["params"]) if step.slots else "",
        " ".join(multipliers),
        units.count(layer["macs"]) if layer["macs"] else "",
        units.size(activation_bytes(graph, step)),
    ]
