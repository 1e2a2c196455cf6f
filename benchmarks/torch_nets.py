"""A net of netcli as a PyTorch module with the same weights: what ``training_speed.py`` measures against.

The module is made from the planned graph, so that shapes, phases and what stands in place mean the same on both sides.
BatchNorm with a Scale behind it becomes one ``batch_norm``, ReLU and residual sums work in place where nothing else
reads their input, and blobs are let go of behind their last reader.

PyTorch is needed for benchmarks only: netcli itself never imports it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch_layers import Operation, Place, Running, Untranslated, translated

from netcli.net.graph import Graph
from netcli.net.step import Step

__all__ = ["TorchNet", "Untranslated"]

Weights = Mapping[str, Sequence[np.ndarray]]
"""Layer name -> its blobs, as in ``netcli.net.Net.params``."""

_FOR_PEOPLE = ("Accuracy", "Silence")
"""Layers that no loss depends on."""


@dataclass
class BoundOperation:
    """An operation and its blobs; ``last_read``: those that nobody reads behind it."""

    name: str
    type_name: str
    run: Operation
    bottoms: list[str]
    tops: list[str]
    last_read: list[str] = field(default_factory=list)


class TorchNet(nn.Module):
    """The module, on PyTorch's default device.

    Args:
        graph: planned for the phase to run; the tops of layers without bottoms are its inputs.
        weights: the blobs of all layers that have any; they are copied.

    Attributes:
        running: what changes from pass to pass.
        operations: one for each layer, or for two that are joined.

    Raises:
        Untranslated: for a layer, or a setting, that has no counterpart.
    """

    def __init__(self, graph: Graph, weights: Weights) -> None:
        super().__init__()
        self.graph = graph
        self.running = Running()
        self.operations: list[BoundOperation] = []
        self._trained: list[tuple[nn.Parameter, float, float]] = []
        self._by_slot: dict[int, torch.Tensor] = {}
        self._loss_weights = {
            top: weight
            for step in graph.steps
            for top, weight in zip(step.tops, step.loss_weights, strict=True)
            if weight
        }
        self._translate(weights)
        self._find_last_readers()

    def forward(self, inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """From the inputs by name to the outputs by name: the blobs that nobody reads."""
        values = dict(inputs)
        for operation in self.operations:
            tops = operation.run([values[name] for name in operation.bottoms])
            values.update(zip(operation.tops, tops, strict=True))
            for name in operation.last_read:
                del values[name]
        self.running.passes += 1
        return {name: values[name] for name in self.graph.outputs if name in values}

    def loss(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Sum of loss weight times top."""
        outputs = self(inputs)
        return sum((weight * outputs[name] for name, weight in self._loss_weights.items()), start=torch.zeros(()))

    def optimizer(self, *, rate: float, momentum: float, weight_decay: float) -> torch.optim.SGD:
        """Fused SGD with the parameters' multipliers. What has the rate 0 is not trained at all, as in netcli."""
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for parameter, lr_mult, decay_mult in self._trained:
            groups.setdefault((lr_mult, decay_mult), []).append(parameter)
        settings = [
            {"params": members, "lr": rate * lr_mult, "weight_decay": weight_decay * decay_mult}
            for (lr_mult, decay_mult), members in groups.items()
        ]
        return torch.optim.SGD(settings, lr=rate, momentum=momentum, fused=True)

    def _translate(self, weights: Weights) -> None:
        makers: dict[str, Step] = {}
        for step, scale in _joined(self.graph.steps):
            type_name, tops = step.layer.type_name, (scale or step).tops
            if step.bottoms and type_name not in _FOR_PEOPLE:
                params = [
                    parameter
                    for member in (step, scale)
                    if member is not None and member.slots
                    for parameter in self._own_blobs(member, weights[member.name])
                ]
                run = translated(Place(step, self.graph, params, self.running, makers))
                self.operations.append(BoundOperation(step.name, type_name, run, step.bottoms, tops))
            makers.update(dict.fromkeys(tops, step))

    def _own_blobs(self, step: Step, arrays: Sequence[np.ndarray]) -> Iterator[torch.Tensor]:
        for slot, array in zip(step.slots, arrays, strict=True):
            if slot.owner is not None:
                yield self._by_slot[id(slot.owner)].reshape(slot.shape)
                continue
            tensor = torch.tensor(array, dtype=torch.float32).reshape(slot.shape)
            name = f"{step.name}[{slot.index}]".replace(".", "_")
            if step.layer.type_name == "BatchNorm":
                self.register_buffer(name, tensor)
            else:
                trained = slot.lr_mult != 0 and step.needs_backward
                tensor = nn.Parameter(tensor, requires_grad=trained)
                self.register_parameter(name, tensor)
                if trained:
                    self._trained.append((tensor, slot.lr_mult, slot.decay_mult))
            self._by_slot[id(slot)] = tensor
            yield tensor

    def _find_last_readers(self) -> None:
        read_later = set(self.graph.outputs)
        for operation in reversed(self.operations):
            operation.last_read = sorted(set(operation.bottoms) - read_later - set(operation.tops))
            read_later.update(operation.bottoms)


def _joined(steps: Sequence[Step]) -> Iterator[tuple[Step, Step | None]]:
    """Each step; a BatchNorm together with the Scale that alone reads it."""
    position = 0
    while position < len(steps):
        step = steps[position]
        following = steps[position + 1] if position + 1 < len(steps) else None
        joined = following is not None and _scales_channels_of(following, step)
        yield step, following if joined else None
        position += 2 if joined else 1


def _scales_channels_of(scale: Step, norm: Step) -> bool:
    settings = scale.layer.param.scale_param
    return (
        (norm.layer.type_name, scale.layer.type_name) == ("BatchNorm", "Scale")
        and scale.bottoms == norm.tops
        and (settings.axis, settings.num_axes, settings.bias_term) == (1, 1, True)
    )
