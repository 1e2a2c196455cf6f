"""A planned net in its deployed form as a model in ONNX."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from netcli import __version__
from netcli.convert.onnx.layer_export import LayerExport
from netcli.convert.onnx.model_parts import ModelParts, onnx_module
from netcli.convert.onnx.registry import exporter_of
from netcli.errors import RunError
from netcli.net.graph import Graph
from netcli.net.step import Step
from netcli.runtime.blob import Shape

OPSET = 17
_IR_VERSION = 8
"""The version of the file format that came with this opset: older runtimes read it too."""
_MOST_BYTES = 2**31 - 2**20
BATCH_AXIS = "N"
"""The name of the first axis of a model that takes batches of any size."""

Weights = Mapping[str, Sequence[np.ndarray]]


def to_onnx(graph: Graph, weights: Weights, *, outputs: Sequence[str] = (), other_batch: Graph | None = None) -> Any:
    """A ModelProto of opset 17.

    Inputs, outputs and other blobs have the names that they have in the net, parameters those of their layers.

    Args:
        graph: the net for phase TEST, without losses (see ``netcli.convert.deploy``).
        weights: layer -> its parameters, float32.
        outputs: blobs; by default those that nobody reads.
        other_batch: the same net for another batch size: then the batch axis is left open.

    Raises:
        RunError: NC600 for a layer without counterpart, NC601 without onnx, NC602 for a layer that works only at
            one batch size, NC603 for more than the 2 GB that a file of ONNX holds, NC604 for a net of nothing.
    """
    onnx = onnx_module()
    walk = _Walk(graph, outputs)
    walk.run(weights)
    if other_batch is not None:
        _check_other_batch(walk, other_batch, weights)
    if walk.parts.bytes > _MOST_BYTES:
        raise RunError.of(
            "NC603", "the parameters do not fit into a file of ONNX", expected="less than 2 GiB",
            actual=f"{walk.parts.bytes / 2**30:.2f} GiB",
        )  # fmt: skip
    shapes = _Shapes(graph, other_batch)
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            walk.parts.nodes,
            graph.name or "net",
            [shapes.declared(onnx, name, name) for name in graph.inputs],
            [shapes.declared(onnx, name, walk.values[name]) for name in walk.outputs],
            [onnx.numpy_helper.from_array(array, name) for name, array in walk.parts.constants.items()],
        ),
        producer_name="netcli",
        producer_version=__version__,
        ir_version=_IR_VERSION,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
    )
    onnx.checker.check_model(model)
    return model


class _Walk:
    """The layers one after the other.

    Attributes:
        values: blob -> the ONNX value that it is at present; layers that work in place change it.
        outputs: the blobs that nobody reads.
        owners: node or constant -> the layer that it stands for.
    """

    def __init__(self, graph: Graph, outputs: Sequence[str] = ()) -> None:
        self.graph = graph
        self.parts = ModelParts()
        self.values = {name: self.parts.unique(name) for name in graph.inputs}
        self.owners: dict[str, Step] = {}
        self._named: dict[str, str] = {}
        self._last_writers = {name: step for step in graph.steps for name in step.tops}
        computed = {name for name, step in self._last_writers.items() if step.layer.type_name != "Input"}
        self.outputs = list(outputs) or [name for name in graph.outputs if name in computed]
        if not graph.inputs or not self.outputs:
            raise RunError.of(
                "NC604", "the net has nothing to export", expected="inputs, and layers that compute something of them",
                actual=f"{len(graph.inputs)} inputs and {len(self.outputs)} outputs",
            )  # fmt: skip

    def run(self, weights: Weights) -> None:
        """Adds the nodes of all layers."""
        for step in self.graph.steps:
            if step.layer.type_name != "Input":
                self._export(step, [np.asarray(array, order="C") for array in weights.get(step.name, ())])
        for name in self.outputs:
            if self._named.get(self.values[name]) != name:
                node = self.parts.node("Identity", [self.values[name]], 1, name, {})
                self.values[name] = node.output[0] = self.parts.unique(name)

    def _export(self, step: Step, arrays: list[np.ndarray]) -> None:
        layer = LayerExport(
            step.layer,
            [self.values[name] for name in step.bottoms],
            [self.graph.shapes[name] for name in step.bottoms],
            [self.graph.shapes[name] for name in step.tops],
            arrays,
            self.parts,
        )
        before = len(self.parts.constants)
        tops = exporter_of(layer)(layer)
        own = {value for node in layer.added for value in node.output}
        for value, name in zip(tops, step.tops, strict=True):
            self.values[name] = value
            if value in own and self._last_writers[name] is step and name not in self.graph.split_copies:
                own.discard(value)
                self.values[name] = self._renamed(layer, value, name)
        self.owners.update((name, step) for name in list(self.parts.constants)[before:])
        self.owners.update((node.name, step) for node in layer.added)

    def _renamed(self, layer: LayerExport, value: str, blob: str) -> str:
        """Lets a value of the layer be called as the blob that it is."""
        name = self.parts.unique(blob)
        self._named[name] = blob
        for node in layer.added:
            for names in (node.input, node.output):
                for index, other in enumerate(names):
                    if other == value:
                        names[index] = name
        return name


def _check_other_batch(walk: _Walk, graph: Graph, weights: Weights) -> None:
    """Sees that the model is the same at another batch size. Raises RunError NC602 at the first layer that differs."""
    other = _Walk(graph)
    other.run(weights)
    for name, array in walk.parts.constants.items():
        twin = other.parts.constants.get(name)
        if twin is not array and (twin is None or not np.array_equal(twin, array, equal_nan=True)):
            raise _bound_to_batch(walk.owners[name])
    for node, other_node in itertools.zip_longest(walk.parts.nodes, other.parts.nodes):
        if node != other_node:
            step = walk.owners[node.name] if node is not None else other.owners[other_node.name]
            raise _bound_to_batch(step)


def _bound_to_batch(step: Step) -> RunError:
    return RunError.of(
        "NC602", "the layer is not the same at every batch size", place=step.layer.source.place(), layer=step.name,
        layer_type=step.layer.type_name, hint="leave --dynamic-batch out; --batch N gives another fixed size",
    )  # fmt: skip


class _Shapes:
    """The shapes of inputs and outputs: an axis that follows the batch is open, and what a Filter lets through."""

    def __init__(self, graph: Graph, other_batch: Graph | None) -> None:
        self._graph = graph
        self._other = other_batch
        self._filtered = any(step.layer.type_name == "Filter" for step in graph.steps)

    def declared(self, onnx: ModuleType, blob: str, value: str) -> Any:
        """The ValueInfoProto for ``value``, which is ``blob``."""
        shape: Shape = self._graph.shapes[blob]
        other = shape if self._other is None else self._other.shapes[blob]
        sizes = [
            size if size == twin else self._open(axis, size)
            for axis, (size, twin) in enumerate(zip(shape, other, strict=True))
        ]
        if self._filtered and sizes and blob not in self._graph.inputs:
            sizes[0] = None
        return onnx.helper.make_tensor_value_info(value, onnx.TensorProto.FLOAT, sizes)

    def _open(self, axis: int, size: int) -> str | None:
        """What stands for an axis that is not always the same: a name only where it is the batch itself."""
        batch = self._graph.shapes[self._graph.inputs[0]][0]
        return BATCH_AXIS if axis == 0 and size == batch else None
