"""What a command is about to compute, for a process that only wants to know which kernels that takes."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from google.protobuf.message import Message

from netcli.cli.fixed_feeds import FixedFeed, FixedFeeds, ItemShape, fill_memory_layers
from netcli.data.feed import Feeds
from netcli.layers.feeding import Feed, ItemShapes
from netcli.net import Net
from netcli.prototxt import NetSource, SolverSource
from netcli.schema import caffe_pb2 as pb
from netcli.solver.optimizer import optimizer_for


@dataclass(frozen=True)
class PassOfNet:
    """One pass over one net.

    Attributes:
        phase: None for the net's own.
        item_shape: (C, H, W) of the data, in place of what their source says.
        forward_only: as ``Net``'s; there is no backward pass then.
        solver: its rule changes the parameters in the end.
    """

    source: NetSource
    phase: int | None = None
    item_shape: ItemShape | None = None
    forward_only: bool = False
    backward: bool = True
    solver: pb.SolverParameter | None = None

    def run(self) -> None:
        """Goes through the net, with no data and with parameters that are all zero."""
        feeds = _EmptyFeeds(FixedFeeds(Feeds(self.source.file), self.item_shape))
        net = Net(
            _without_fillers(self.source), self.phase, feeds=feeds, seed=0, keep_gradients=False,
            forward_only=self.forward_only,
        )  # fmt: skip
        fill_memory_layers(net)
        optimizer = optimizer_for(net, self.solver) if self.solver is not None else None
        net.clear_param_diffs()
        net.forward()
        if self.backward and not self.forward_only:
            net.backward()
        if optimizer is not None:
            optimizer.update(0.0, 0)


def passes_of_training(source: SolverSource) -> list[PassOfNet]:
    """Those of the first iteration and of the tests before it."""
    param = source.param
    tests = source.test_nets() if param.test_interval and param.test_initialization else []
    train = PassOfNet(source.train_net(), solver=param)
    return [*(PassOfNet(net, forward_only=True) for net in tests), train]


def calls_kernels_only(each: PassOfNet) -> bool:
    """Whether its net has no Python layer: somebody's own code must not be called in passing."""
    return all(layer.type != "Python" for layer in each.source.param.layer)


class _EmptyFeeds(FixedFeeds):
    """Opens feeds whose batches are never filled."""

    def _feed_of(self, shapes: ItemShapes) -> Feed:
        return _EmptyFeed(shapes)


class _EmptyFeed(FixedFeed):
    """Does not touch the memory of a batch."""

    def next_batch(self, arrays: Sequence[np.ndarray]) -> None:
        """Leaves ``arrays`` as they are."""


def _without_fillers(source: NetSource) -> NetSource:
    """The net with parameters that begin as zeros, for which no memory has to be touched, instead of random numbers.

    Constants stay, such as the slopes of PReLU: which kernels are called depends on whether they are zero.
    """
    param = copy.deepcopy(source.param)
    for layer in param.layer:
        for _, settings in layer.ListFields():
            if isinstance(settings, Message):
                for _, value in settings.ListFields():
                    if isinstance(value, pb.FillerParameter) and value.type != "constant":
                        value.Clear()
    return dataclasses.replace(source, param=param)
