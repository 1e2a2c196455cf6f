"""What ``netcli test`` measures: the outputs of a net over each item of its set once, or over some batches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netcli.cli.batch_size import batch_size_of, with_batch_size
from netcli.data.feed import Feeds
from netcli.data.skipped import SkippedItems
from netcli.errors import RunError
from netcli.layers.feeding import Feed, FeedSource, ItemShapes, Sink
from netcli.layers.source.fed_layer import FedLayer
from netcli.net.graph import build_graph
from netcli.net.net import Net
from netcli.net.weights import LoadReport, load_weights
from netcli.prototxt import NetSource
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb

Outputs = dict[str, float | list[float]]


@dataclass(frozen=True)
class Evaluation:
    """Means over ``images`` items.

    Attributes:
        outputs: by the name of the net's output; one number, or one for each element of an item.
        iterations: batches that were run, the last of which may have been a smaller one.
        batch: items in a full batch.
        size: items in the set; None if it has no end.
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
) -> Evaluation:
    """Runs the net of ``source`` in phase TEST.

    Args:
        weights: loaded one after the other; ``names`` are those of their files.
        iterations: batches to run, as Caffe does; None for the whole set, each item exactly once.
        skipped: told about items that cannot be read, which are passed over; None to make errors of them.

    Raises:
        ConfigError: the net cannot be planned.
        RunError: the data or the weights do not fit; NC515 if the set has no end and ``iterations`` is None.
    """
    feeds = Feeds(source.file, skipped=skipped)
    net = Net(source, pb.TEST, feeds=feeds, seed=0)
    loaded = [load_weights(net, message, name) for message, name in zip(weights, names, strict=True)]
    batch = batch_size_of(net.graph)
    size = _set_size(net, feeds)
    begin = time.perf_counter()
    means = _Means(_outputs_by_item(source, feeds, net, batch))
    if iterations is None:
        if size is None:
            raise RunError.of(
                "NC515",
                "the net reads no set with an end, so there is no whole set to test",
                hint="pass --iterations N",
            )
        iterations, images = -(-size // batch), size
    else:
        images = iterations * batch
    whole, rest = divmod(images, batch)
    for _ in range(whole):
        net.forward()
        means.add(net, batch)
    if rest:
        last = Net(
            with_batch_size(source, rest), pb.TEST, feeds=_Skipping(feeds, whole * batch), seed=0, share_with=net
        )
        last.forward()
        means.add(last, rest)
        last.close()
    net.close()
    return Evaluation(means.values(), images, iterations, batch, size, time.perf_counter() - begin, loaded)


class _Means:
    """Outputs summed up, each batch with the weight of its items."""

    def __init__(self, by_item: set[str]) -> None:
        self._by_item = by_item
        self._sums: dict[str, np.ndarray] = {}
        self._items = 0

    def add(self, net: Net, items: int) -> None:
        """Adds the outputs of a batch of ``items``."""
        for name in net.outputs:
            values = net.blobs[name].values.read(PLAIN).astype(np.float64)
            total = values.sum(axis=0) if name in self._by_item else values * items
            self._sums[name] = self._sums.get(name, 0) + total
        self._items += items

    def values(self) -> Outputs:
        """The means: numbers, or flat lists."""
        means = {name: total / self._items for name, total in self._sums.items()}
        return {name: mean.item() if mean.size == 1 else mean.reshape(-1).tolist() for name, mean in means.items()}


class _Skipping:
    """Feeds that begin after ``items`` items."""

    def __init__(self, source: FeedSource, items: int) -> None:
        self._source = source
        self._items = items

    def shapes(self, layer: pb.LayerParameter) -> ItemShapes | None:
        return self._source.shapes(layer)

    def open(self, layer: pb.LayerParameter, phase: int) -> Feed:
        feed = self._source.open(layer, phase)
        feed.skip(self._items)
        return feed

    def open_sink(self, layer: pb.LayerParameter) -> Sink:
        return self._source.open_sink(layer)

    def read_array(self, layer: pb.LayerParameter, path: str) -> np.ndarray:
        return self._source.read_array(layer, path)


def _set_size(net: Net, feeds: FeedSource) -> int | None:
    """Items in the set that the net's data layers read. Raises RunError NC515 if they do not agree."""
    sizes: dict[str, int] = {}
    for layer in net.layers:
        if isinstance(layer, FedLayer):
            feed = feeds.open(layer.param, pb.TEST)
            if feed.size is not None:
                sizes[layer.name] = feed.size
            feed.close()
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise RunError.of(
            "NC515", f"the data layers read sets of different sizes: {listed}", hint="pass --iterations N"
        )
    return next(iter(sizes.values()), None)


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
