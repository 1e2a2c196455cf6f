"""What ``netcli test`` measures: the outputs of a net over each item of its set once, or over some batches."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from netcli.cli.batch_size import with_batch_size
from netcli.cli.item_book import ItemBook
from netcli.cli.recorded_pass import PassOfNet
from netcli.cli.second_compiler import SecondCompiler
from netcli.data.feed import Feeds
from netcli.data.skipped import SkippedItems
from netcli.errors import RunError
from netcli.layers.feeding import FeedSource, ItemName
from netcli.net.batch import batch_size
from netcli.net.graph import build_graph
from netcli.net.net import Net
from netcli.net.weights import LoadReport, load_weights
from netcli.prototxt import NetSource
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb

Outputs = dict[str, float | list[float]]

Observer = Callable[[Net, int, Sequence[ItemName]], object]
"""Told, after each batch: the net, the number of items, and where they come from (empty for data without a source)."""


@dataclass(frozen=True)
class Evaluation:
    """Means over ``images`` items.

    Attributes:
        outputs: by the name of the net's output; one number, or one for each element of an item.
        iterations: batches that were run, the last of which may have been a smaller one.
        batch: items in a full batch.
        size: items in the set, those that cannot be read among them; None if it has no end.
        loaded: what became of each file of weights.
    """

    outputs: Outputs
    images: int
    iterations: int
    batch: int
    size: int | None
    seconds: float
    loaded: list[LoadReport]


def evaluate(
    source: NetSource,
    weights: Sequence[pb.NetParameter],
    names: Sequence[str],
    iterations: int | None,
    skipped: SkippedItems | None = None,
    observe: Callable[[Net], Observer | None] = lambda net: None,
    device: str = "cpu",
) -> Evaluation:
    """Runs the net of ``source`` in phase TEST.

    Args:
        weights: loaded one after the other; ``names`` are those of their files.
        iterations: batches to run, as Caffe does; None for the whole set, each item exactly once.
        skipped: told about items that cannot be read, which are passed over; None to make errors of them.
        observe: of the net, what to tell about every batch.
        device: "cpu", "cuda" or "cuda:N".

    Raises:
        ConfigError: the net cannot be planned.
        RunError: the data or the weights do not fit; NC515 if the set has no end and ``iterations`` is None.
    """
    feeds = Feeds(source.file, skipped=skipped, needed=True)
    book = ItemBook(feeds)
    with contextlib.ExitStack() as opened:
        opened.callback(book.close)
        ahead = PassOfNet(source, pb.TEST, forward_only=True)
        compiler = opened.enter_context(contextlib.closing(SecondCompiler(lambda: [ahead], device)))
        net = opened.enter_context(
            contextlib.closing(Net(source, pb.TEST, feeds=book, seed=0, device=device, forward_only=True))
        )
        observer = observe(net)
        loaded = [load_weights(net, message, name) for message, name in zip(weights, names, strict=True)]
        batch = batch_size(net)
        begin = time.perf_counter()
        size = book.open_all(net)
        if iterations is None and size is None:
            raise RunError.of(
                "NC515",
                "the net reads no set with an end, so there is no whole set to test",
                hint="pass --iterations N",
            )
        means = _Means(_outputs_by_item(source, feeds, net, batch))
        done = 0
        while done != iterations and (items := book.take(batch, size, wrap=iterations is not None)):
            runner = net if items == batch else opened.enter_context(_smaller(source, net, items, book))
            runner.forward()
            compiler.close()
            means.add(runner, items)
            if observer is not None:
                observer(runner, items, book.names)
            done += 1
        return Evaluation(means.values(), means.items, done, batch, size, time.perf_counter() - begin, loaded)


def _smaller(source: NetSource, net: Net, items: int, book: ItemBook) -> contextlib.closing[Net]:
    """The same net for a batch of ``items``."""
    smaller = with_batch_size(source, items)
    return contextlib.closing(
        Net(smaller, pb.TEST, feeds=book, seed=0, share_with=net, device=net.context.device, forward_only=True)
    )


class _Means:
    """Outputs summed up, each batch with the weight of its ``items``."""

    def __init__(self, by_item: set[str]) -> None:
        self._by_item = by_item
        self._sums: dict[str, np.ndarray] = {}
        self.items = 0

    def add(self, net: Net, items: int) -> None:
        """Adds the outputs of a batch of ``items``."""
        for name in net.outputs:
            values = net.blobs[name].values.read(PLAIN).astype(np.float64)
            total = values.sum(axis=0) if name in self._by_item else values * items
            self._sums[name] = self._sums.get(name, 0) + total
        self.items += items

    def values(self) -> Outputs:
        """The means: numbers, or flat lists."""
        means = {name: total / self.items for name, total in self._sums.items()}
        return {name: mean.item() if mean.size == 1 else mean.reshape(-1).tolist() for name, mean in means.items()}


def _outputs_by_item(source: NetSource, feeds: FeedSource, net: Net, batch: int) -> set[str]:
    """Outputs with one entry for each item of the batch: those whose shape follows the batch size.

    A plan does not tell the shapes behind a Python layer; there, a first axis of the batch's size has to do.
    """
    other = build_graph(with_batch_size(source, batch + 1), pb.TEST, feeds=feeds).shapes
    own = net.graph.shapes
    return {
        name
        for name in net.outputs
        if own[name] and own[name][0] == batch and other.get(name, (batch + 1,))[0] == batch + 1
    }
