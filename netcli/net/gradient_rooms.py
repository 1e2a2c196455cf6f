"""Which blobs' gradients can take turns in the same memory, because a backward pass has done with one before the next.

A gradient is made by the layer that reads the blob and is of no use once the layer that makes the blob has run
backward. So a pass needs room for few gradients at a time; whoever wants to look at all of them afterwards needs a net
that keeps them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from netcli.net.step import Step
from netcli.runtime.blob import Shape


@dataclass
class _Room:
    """``blobs`` take turns in it; the largest has ``size`` values."""

    size: int
    blobs: list[str] = field(default_factory=list)


def gradient_rooms(steps: Sequence[Step], shapes: Mapping[str, Shape]) -> list[list[str]]:
    """Names of blobs by the room that they share, of those whose gradients a backward pass both makes and uses up.

    Not among them are gradients that a pass reads without having written them: those of losses, and of what no loss
    depends on.
    """
    writers = _first_writers(steps)
    rooms: list[_Room] = []
    free: list[_Room] = []
    taken: dict[str, _Room] = {}
    for step in reversed(steps):
        for name in step.bottoms:
            if writers.get(name) is step:
                taken[name] = _room_for(name, shapes[name], free, rooms)
        free.extend(taken.pop(top) for top in step.tops if top in taken and top not in step.bottoms)
    return [room.blobs for room in rooms]


def _first_writers(steps: Sequence[Step]) -> dict[str, Step]:
    """The step that writes a blob's gradient first, for those where this is the first to touch it in a backward pass.

    User code may keep its blobs' arrays, so what it works on is not among them.
    """
    own = {
        name
        for step in steps
        for name in (
            [*step.bottoms, *step.tops]
            if step.layer.type_name == "Python"
            else [top for top, weight in zip(step.tops, step.loss_weights, strict=True) if weight]
        )
    }
    last_reader = {name: step for step in steps for name in step.bottoms}
    return {
        name: step
        for name, step in last_reader.items()
        if name not in own
        and name not in step.tops
        and step.needs_backward
        and step.propagate_down[step.bottoms.index(name)]
    }


def _room_for(name: str, shape: Shape, free: list[_Room], rooms: list[_Room]) -> _Room:
    """The smallest free room that is large enough, else the largest free one, which grows, else a new one."""
    size = math.prod(shape)
    if free:
        room = min(free, key=lambda room: (room.size < size, abs(room.size - size)))
        free.remove(room)
        room.size = max(room.size, size)
    else:
        room = _Room(size)
        rooms.append(room)
    room.blobs.append(name)
    return room
