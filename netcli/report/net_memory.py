"""What a net keeps in memory, by kind, known from its plan alone; and what the machine has."""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import dataclass
from pathlib import Path

from netcli.net.graph import Graph
from netcli.net.step import Step
from netcli.schema import caffe_pb2 as pb

FLOAT_BYTES = 4
_CGROUP = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True)
class NetMemory:
    """Bytes in float32.

    Attributes:
        activations: of all blobs; a layer in place and a split share those of their bottom.
        gradients: of the blobs that get one, each copy of a split included; 0 where nothing is trained.
        params, param_gradients: of every parameter once; the second 0 where nothing is trained.
        history: what the solver keeps for each parameter.
    """

    activations: int
    gradients: int
    params: int
    param_gradients: int
    history: int

    @property
    def total(self) -> int:
        """Without what kernels need in passing, batches read ahead, and the filling of groups of images."""
        return self.activations + self.gradients + self.params + self.param_gradients + self.history


@dataclass(frozen=True)
class MachineMemory:
    """Bytes that there are, and that are free now; None where the system does not tell. Limits of a container count."""

    total: int | None
    available: int | None


def net_memory(graph: Graph, histories: int = 0) -> NetMemory:
    """The memory of a planned net.

    Args:
        histories: arrays that the solver keeps for each parameter; training is meant by phase TRAIN.
    """
    trained = graph.context.phase == pb.TRAIN
    steps = graph.steps
    params = sum(param_bytes(step) for step in steps)
    return NetMemory(
        activations=sum(activation_bytes(graph, step) for step in steps),
        gradients=sum(gradient_bytes(graph, step) for step in steps),
        params=params,
        param_gradients=params if trained else 0,
        history=histories * params if trained else 0,
    )


def activation_bytes(graph: Graph, step: Step) -> int:
    """Of the tops that the layer neither writes in place nor shares with its bottom."""
    if _is_split(graph, step):
        return 0
    return FLOAT_BYTES * sum(math.prod(graph.shapes[top]) for top in step.tops if top not in step.bottoms)


def gradient_bytes(graph: Graph, step: Step) -> int:
    """Of the gradients of the tops that activations are counted of, and of all a split's copies; 0 in phase TEST."""
    if graph.context.phase != pb.TRAIN or not step.needs_backward:
        return 0
    wanted = _with_gradients(graph) | (set(step.tops) if _is_split(graph, step) else set())
    return FLOAT_BYTES * sum(
        math.prod(graph.shapes[top])
        for top, weight in zip(step.tops, step.loss_weights, strict=True)
        if top not in step.bottoms and (weight or top in wanted)
    )


def param_bytes(step: Step) -> int:
    """Of the parameters that the layer owns: a shared one counts where it is first."""
    return FLOAT_BYTES * sum(math.prod(slot.shape) for slot in step.slots if slot.owner is None)


def machine_memory() -> MachineMemory:
    """What there is now, within the limit of the container if there is one."""
    total = available = None
    with contextlib.suppress(OSError, ValueError, AttributeError):
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError, KeyError):
        entries = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines())
        available = 1024 * int(entries["MemAvailable"].split()[0])
    with contextlib.suppress(OSError, ValueError):
        limit = int((_CGROUP / "memory.max").read_text())
        left = limit - int((_CGROUP / "memory.current").read_text())
        total = limit if total is None else min(total, limit)
        available = left if available is None else min(available, left)
    return MachineMemory(total, available)


def _with_gradients(graph: Graph) -> set[str]:
    return {
        bottom
        for step in graph.steps
        if step.needs_backward
        for bottom, wanted in zip(step.bottoms, step.propagate_down, strict=True)
        if wanted
    }


def _is_split(graph: Graph, step: Step) -> bool:
    return bool(step.tops) and step.tops[0] in graph.split_copies
