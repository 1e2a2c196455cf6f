"""The gradients of all processes, added up while the backward pass still runs.

All gradients stand in one flat array, in the order in which a backward pass completes them, cut into buckets. As soon
as the last gradient of a bucket is complete, its sum over the processes starts in the background; the earlier layers go
on meanwhile. MPI works when it is called, so after each layer it is. Source: S. Li et al., "PyTorch distributed:
experiences on accelerating data parallel training", VLDB 2020.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netcli.distributed.world import World
from netcli.net import Net
from netcli.net.learnable import Learnable
from netcli.runtime.blob import ALIGNMENT, PLAIN, aligned_zeros

if TYPE_CHECKING:
    from mpi4py import MPI

BUCKET_BYTES = 1 << 20
"""Buckets are closed when they have this size: smaller ones pay more latency, larger ones wait for more layers."""


@dataclass(frozen=True)
class _Part:
    """A gradient, and the part of the flat array that is its own, in its shape."""

    item: Learnable
    array: np.ndarray


@dataclass(frozen=True)
class _Bucket:
    """Gradients that are added up at once: complete after the backward pass of layer ``after``."""

    after: int
    parts: tuple[_Part, ...]
    array: np.ndarray


class GradientSum:
    """Adds up the gradients of ``learnable`` over the processes of ``world``.

    Args:
        net: the training net; its backward pass is followed from now on.
        learnable: its parameters.
        counts: False for a process whose gradients are to count for nothing.
        bucket_bytes: see ``BUCKET_BYTES``.

    Attributes:
        waited: seconds spent waiting for sums that no layer hid.
        bytes: of all gradients.
    """

    def __init__(
        self,
        world: World,
        net: Net,
        learnable: Sequence[Learnable],
        *,
        counts: bool = True,
        bucket_bytes: int = BUCKET_BYTES,
    ) -> None:
        self._world = world
        self._counts = counts
        self._buckets = _buckets(net, learnable, bucket_bytes)
        self._passes = 0
        self._begun = 0
        self._requests: list[MPI.Request] = []
        self.waited = 0.0
        self.bytes = sum(bucket.array.nbytes for bucket in self._buckets)
        net.after_backward.append(self._after_layer)

    def begin(self, passes: int) -> None:
        """The sums belong to the last of ``passes`` backward passes, over all of which gradients add up."""
        self._passes = passes
        self._begun = 0

    def _after_layer(self, index: int) -> None:
        if self._passes == 1:
            while self._begun < len(self._buckets) and self._buckets[self._begun].after >= index:
                self._start(self._buckets[self._begun])
                self._begun += 1
            if index == 0:
                self._complete()
            elif self._requests:
                self._world.test(self._requests)
        if index == 0:
            self._passes -= 1

    def _start(self, bucket: _Bucket) -> None:
        for part in bucket.parts:
            gradient = part.item.blob.gradients.read(PLAIN)
            if not np.may_share_memory(gradient, part.array):
                part.array[...] = gradient
        if not self._counts:
            bucket.array.fill(0)
        self._requests.append(self._world.start_adding(bucket.array))

    def _complete(self) -> None:
        begin = time.perf_counter()
        self._world.wait(self._requests)
        self._requests.clear()
        self.waited += time.perf_counter() - begin
        for bucket in self._buckets:
            for part in bucket.parts:
                gradient = part.item.blob.gradients.write(PLAIN)
                if not np.may_share_memory(gradient, part.array):
                    gradient[...] = part.array


def _buckets(net: Net, learnable: Sequence[Learnable], bucket_bytes: int) -> list[_Bucket]:
    """The gradients that a backward pass makes, in the order in which it completes them."""
    complete_after = _complete_after(net)
    items = [item for item in learnable if (item.layer, item.index) in complete_after]
    items.sort(key=lambda item: complete_after[item.layer, item.index], reverse=True)
    dtype = net.context.dtype
    room = ALIGNMENT // dtype.itemsize
    sizes = [-(-item.blob.count // room) * room for item in items]
    flat = aligned_zeros((sum(sizes),), dtype)
    buckets: list[_Bucket] = []
    parts: list[_Part] = []
    begin = end = 0
    for index, (item, size) in enumerate(zip(items, sizes, strict=True)):
        parts.append(_Part(item, _own_part(item, flat[end : end + item.blob.count])))
        end += size
        if (end - begin) * dtype.itemsize >= bucket_bytes or index == len(items) - 1:
            buckets.append(_Bucket(complete_after[item.layer, item.index], tuple(parts), flat[begin:end]))
            parts, begin = [], end
    return buckets


def planned_buckets(net: Net, learnable: Sequence[Learnable], bucket_bytes: int) -> list[tuple[int, int]]:
    """For models of the traffic: bytes of each bucket, and the layer after whose backward pass it is complete."""
    return [(bucket.array.nbytes, bucket.after) for bucket in _buckets(net, learnable, bucket_bytes)]


def _own_part(item: Learnable, memory: np.ndarray) -> np.ndarray:
    """``memory`` in the parameter's shape; its gradient moves there unless others hold its array."""
    array = memory.reshape(item.blob.shape)
    if not item.blob.gradients.handed_out:
        item.blob.gradients.move_to(array)
    return array


def _complete_after(net: Net) -> dict[tuple[str, int], int]:
    """Of each parameter that gets a gradient, by its owner: the first layer that uses it, the last to run backward."""
    first: dict[tuple[str, int], int] = {}
    for index, step in enumerate(net.graph.steps):
        for slot, trains in zip(step.slots, step.layer.trains, strict=True):
            if step.needs_backward and trains:
                first.setdefault((slot.root.layer, slot.root.index), index)
    return first
