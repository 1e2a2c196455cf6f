"""What a net keeps in memory, by kind, known from its plan alone; and what the machine has."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from netcli.layers.convolution.few_images.tiling import fills_few_lanes
from netcli.net.folding import foldable
from netcli.net.fused import pooled_convolutions
from netcli.net.gradient_rooms import gradient_rooms
from netcli.net.graph import Graph
from netcli.net.step import Step
from netcli.runtime.blob import Shape, lanes_shape
from netcli.runtime.cpu import lane_count
from netcli.schema import caffe_pb2 as pb

FLOAT_BYTES = 4
PROGRAM_BYTES = 170 << 20
"""Measured: what processes that train hold beside arrays, 165 to 185 MiB, with their kernels in the cache."""
_CGROUP = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True)
class NetMemory:
    """Bytes in float32, of the process that trains the net, or runs it in phase TEST.

    Attributes:
        activations: of all blobs that are there in whole passes; a layer in place and a split share those of their
            bottom.
        gradients: of the blobs that get one, which take turns in the same memory; 0 where nothing is trained.
        kept: what layers keep from forward to backward beside blobs, such as their input where they work in place.
        layout: what the kernels' layout takes on top: groups of images are filled up, and what data layers make is
            there in both layouts.
        scratch: what kernels need in passing.
        params, param_gradients: of every parameter once; the second 0 where nothing is trained.
        history: what the solver keeps for each parameter.
        tests: what the nets of a solver's tests have for themselves; parameters and scratch are those of training.
        program: netcli itself with its libraries and compiled kernels: about as much for any net.
    """

    activations: int
    gradients: int
    kept: int
    layout: int
    scratch: int
    params: int
    param_gradients: int
    history: int
    tests: int
    program: int = PROGRAM_BYTES

    @property
    def total(self) -> int:
        """Without batches that are read ahead, and the compiler where kernels are not in the cache."""
        return sum(dataclasses.astuple(self))


@dataclass(frozen=True)
class MachineMemory:
    """Bytes that there are, and that are free now; None where the system does not tell. Limits of a container count."""

    total: int | None
    available: int | None


def net_memory(graph: Graph, histories: int = 0, tests: Sequence[Graph] = ()) -> NetMemory:
    """The memory of a planned net.

    Args:
        histories: arrays that the solver keeps for each parameter; training is meant by phase TRAIN.
        tests: the nets of the solver's tests.
    """
    trained = graph.context.phase == pb.TRAIN
    steps = graph.steps
    params = sum(param_bytes(step) for step in steps)
    absent = _absent_tops(graph)
    activations = sum(activation_bytes(graph, step) for step in steps if absent.isdisjoint(step.tops))
    rooms = _gradient_rooms(graph) if trained else []
    bent = {each.bend for each in foldable(steps, forward_only=False)} if trained else set()
    kept = [shape for step in steps if step.layer not in bent for shape in _kept_shapes(graph, step)]
    made = [shape for step in steps if absent.isdisjoint(step.tops) for shape in _shapes_made(graph, step)]
    gradients = sum(max(map(math.prod, room)) for room in rooms)
    layout = sum(max(map(_in_lanes, room)) for room in rooms) - gradients
    layout += sum(_in_lanes(shape) - math.prod(shape) for shape in [*made, *kept])
    layout += sum(math.prod(shape) for shape in _converted_shapes(graph))
    return NetMemory(
        activations=activations,
        gradients=FLOAT_BYTES * gradients,
        kept=FLOAT_BYTES * sum(map(math.prod, kept)),
        layout=FLOAT_BYTES * layout,
        scratch=FLOAT_BYTES * sum(scratch_sizes(graph).values()),
        params=params,
        param_gradients=params if trained else 0,
        history=histories * params if trained else 0,
        tests=sum(memory.activations + memory.kept + memory.layout for memory in map(net_memory, tests)),
    )


def activation_bytes(graph: Graph, step: Step) -> int:
    """Of the tops that the layer neither writes in place nor shares with its bottom."""
    return FLOAT_BYTES * sum(map(math.prod, _shapes_made(graph, step)))


def gradient_bytes(graph: Graph, step: Step) -> int:
    """Of the gradients of the tops that activations are counted of, and of all a split's copies; 0 in phase TEST.

    As if each had memory of its own.
    """
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


def scratch_sizes(graph: Graph) -> dict[str, int]:
    """Values of the kernels' scratch by name: each is as large as the largest layer needs it."""
    sizes: dict[str, int] = {}
    for step in graph.steps:
        bottoms = [graph.shapes[name] for name in step.bottoms]
        for name, size in step.layer.scratch_sizes(bottoms, step.propagate_down).items():
            sizes[name] = max(size, sizes.get(name, 0))
    return sizes


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


def _shapes_made(graph: Graph, step: Step) -> list[Shape]:
    if _is_split(graph, step):
        return []
    return [graph.shapes[top] for top in step.tops if top not in step.bottoms]


def _absent_tops(graph: Graph) -> set[str]:
    """Of the convolutions that hand on to a max pooling what alone leaves them."""
    return {
        graph.steps[pair.convolution].tops[0]
        for pair in pooled_convolutions(graph.steps, frozenset())
        if pair.layer.suits(graph.shapes[graph.steps[pair.convolution].bottoms[0]])
    }


def _gradient_rooms(graph: Graph) -> list[list[Shape]]:
    """The shapes of gradients by the memory in which they take turns; most losses' are alone."""
    rooms = gradient_rooms(graph.steps, graph.shapes)
    shared = {name for room in rooms for name in room}
    wanted = _with_gradients(graph) | {
        top
        for step in graph.steps
        for top, weight in zip(step.tops, step.loss_weights, strict=True)
        if step.needs_backward and (weight or _is_split(graph, step))
    }
    return [[graph.shapes[name] for name in room] for room in [*rooms, *([name] for name in sorted(wanted - shared))]]


def _kept_shapes(graph: Graph, step: Step) -> list[Shape]:
    return step.layer.kept_shapes(
        [graph.shapes[name] for name in step.bottoms], [graph.shapes[name] for name in step.tops]
    )


def _converted_shapes(graph: Graph) -> list[Shape]:
    """Of the blobs that data layers make, plain, and that kernels read in lanes."""
    made = [graph.shapes[top] for step in graph.steps if not step.bottoms for top in step.tops]
    return [shape for shape in made if len(shape) > 1 and not fills_few_lanes(shape[0], lane_count())]


def _in_lanes(shape: Shape) -> int:
    """Values of a blob where kernels work on it: small batches stay plain."""
    if not shape or fills_few_lanes(shape[0], lane_count()):
        return math.prod(shape)
    return math.prod(lanes_shape(shape, lane_count()))


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
