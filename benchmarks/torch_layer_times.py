"""Where the time of a ``TorchNet`` goes: each operation alone, on the inputs that it has in the net."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch_nets import BoundOperation, TorchNet


def layer_times(
    net: TorchNet, inputs: Mapping[str, torch.Tensor], iterations: int, *, forward_only: bool
) -> list[dict[str, Any]]:
    """Name, type, and median milliseconds forward and backward of each operation; those of splits are left out."""
    values = dict(inputs)
    times = []
    for operation in net.operations:
        bottoms = [values[name] for name in operation.bottoms]
        differentiable = [
            not forward_only and name not in inputs and values[name].is_floating_point() for name in operation.bottoms
        ]
        with torch.set_grad_enabled(not forward_only):
            passes = [_timed(operation, bottoms, differentiable) for _ in range(1 + iterations)][1:]
        forward, backward = (1000 * statistics.median(column) for column in zip(*passes, strict=True))
        if operation.type_name != "Split":
            times.append(
                {"name": operation.name, "type": operation.type_name, "forward": forward, "backward": backward}
            )
        with torch.no_grad():
            tops = operation.run([bottom.clone() for bottom in bottoms])
        values.update(zip(operation.tops, tops, strict=True))
    return times


def _timed(
    operation: BoundOperation, bottoms: Sequence[torch.Tensor], differentiable: Sequence[bool]
) -> tuple[float, float]:
    """Seconds forward and backward. The bottoms are copied first, since the operation may work in place."""
    pairs = zip(bottoms, differentiable, strict=True)
    copies = [bottom.detach().requires_grad_(wanted).clone() for bottom, wanted in pairs]
    begin = time.perf_counter()
    tops = operation.run(copies)
    forward = time.perf_counter() - begin
    if not tops[0].requires_grad:
        return forward, 0.0
    gradient = torch.ones_like(tops[0])
    begin = time.perf_counter()
    torch.autograd.backward([tops[0]], [gradient])
    return forward, time.perf_counter() - begin
