"""Feeds that are read one batch ahead of a net, so that it is known which items a batch holds before it is run.

``netcli test`` counts items, not batches: the last batch of a set is a smaller one, and where items that cannot be
read are passed over, the readable ones that a feed gives in their places are left out, so that none counts twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.errors import RunError
from netcli.layers.feeding import Feed, FeedSource, ItemName, ItemShapes, Sink, VaryingFeed
from netcli.layers.source.fed_layer import FedLayer
from netcli.net.net import Net
from netcli.schema import caffe_pb2 as pb


class ItemBook:
    """A FeedSource whose data layers read what ``take`` has laid ready.

    Several nets may share it: each goes on reading, and writing, where the one before stopped.

    Args:
        source: opens the feeds themselves.

    Attributes:
        names: of the items of the batch that is laid ready, in the first data layer; none where there is no such.
    """

    def __init__(self, source: FeedSource) -> None:
        self._source = source
        self._feeds: dict[str, _BookedFeed] = {}
        self._sinks: dict[str, _BookedSink] = {}
        self._position = 0
        self.names: list[ItemName] = []

    def shapes(self, layer: pb.LayerParameter) -> ItemShapes | None:
        return self._source.shapes(layer)

    def open(self, layer: pb.LayerParameter, phase: int) -> Feed:
        if layer.name not in self._feeds:
            feed = self._source.open(layer, phase)
            booked = _BookedVaryingFeed if isinstance(feed, VaryingFeed) else _BookedFeed
            self._feeds[layer.name] = booked(feed)
        return self._feeds[layer.name]

    def open_sink(self, layer: pb.LayerParameter) -> Sink:
        if layer.name not in self._sinks:
            self._sinks[layer.name] = _BookedSink(self._source.open_sink(layer))
        return self._sinks[layer.name]

    def read_array(self, layer: pb.LayerParameter, path: str) -> np.ndarray:
        return self._source.read_array(layer, path)

    def open_all(self, net: Net) -> int | None:
        """Opens the feeds of all data layers of ``net``; items in the set, or None if it has no end.

        Raises:
            RunError: NC515 if the layers do not agree about that, or about their batch sizes; NC2xx.
        """
        layers = [step for step in net.graph.steps if isinstance(step.layer, FedLayer)]
        sizes = {step.name: self.open(step.layer.param, net.phase).size for step in layers}
        _check_alike("read sets", {name: size for name, size in sizes.items() if size is not None})
        _check_alike("give batches", {step.name: net.blobs[step.tops[0]].shape[0] for step in layers})
        return next((size for size in sizes.values() if size is not None), None)

    def take(self, items: int, size: int | None, *, wrap: bool) -> int:
        """Lays the next ``items`` ready in every feed.

        Args:
            size: items in the set, None if it has no end.
            wrap: begin anew at the end of the set.

        Returns:
            How many were to be had: fewer at the end of the set.
        """
        if not self._feeds:
            return items
        self.names = []
        for feed in self._feeds.values():
            feed.clear(items)
        while len(self.names) < items:
            if size is not None and self._position == size:
                if not wrap:
                    break
                self._position = 0
            wanted = items - len(self.names)
            self._read(wanted if size is None else min(wanted, size - self._position))
        return len(self.names)

    def close(self) -> None:
        """Closes all feeds and files."""
        for feed in self._feeds.values():
            feed.really_close()
        for sink in self._sinks.values():
            sink.really_close()
        self._feeds, self._sinks = {}, {}

    def _read(self, count: int) -> None:
        """Adds those of the next ``count`` items that stand for themselves."""
        begin = len(self.names)
        feeds = list(self._feeds.values())
        names = [feed.read(begin, count) for feed in feeds]
        self._position += count
        # Layers that are read side by side must stay in step: an item that one of them lacks, all leave out.
        kept = [i for i in range(count) if not any(of_feed[i].substitute for of_feed in names)]
        if len(kept) < count:
            for feed in feeds:
                feed.keep(begin, kept)
        self.names += [names[0][i] for i in kept]


class _BookedFeed:
    """One feed, and the batch that is laid ready in it. Nets do not close it: the next one goes on with it."""

    def __init__(self, feed: Feed) -> None:
        self.shapes = feed.shapes
        self.size = feed.size
        self._feed = feed
        self._arrays: list[np.ndarray] = []

    def clear(self, items: int) -> None:
        """Makes room for a batch of ``items``."""
        if not self._arrays or len(self._arrays[0]) != items:
            self._arrays = [np.empty((items, *shape), np.float32) for shape in self.shapes]

    def read(self, begin: int, count: int) -> list[ItemName]:
        """Puts the next ``count`` items at ``begin`` of the batch; their names."""
        self._feed.next_batch([array[begin : begin + count] for array in self._arrays])
        return [self._feed.item_name(i) for i in range(count)]

    def keep(self, begin: int, kept: Sequence[int]) -> None:
        """Closes ranks: of the items from ``begin`` on, only ``kept`` stay."""
        for array in self._arrays:
            array[begin : begin + len(kept)] = array[begin:][list(kept)]

    def next_batch(self, arrays: Sequence[np.ndarray]) -> None:
        for array, laid_ready in zip(arrays, self._arrays, strict=True):
            array[...] = laid_ready[: len(array)]

    def skip(self, items: int) -> None:
        self._feed.skip(items)

    def rewind(self) -> None:
        self._feed.rewind()

    def item_name(self, index: int) -> ItemName:
        return self._feed.item_name(index)

    def close(self) -> None:
        """The book closes it."""

    def really_close(self) -> None:
        self._feed.close()


class _BookedVaryingFeed(_BookedFeed):
    """One feed of items that differ in shape, and so come one by one."""

    def clear(self, items: int) -> None:
        self._arrays = []

    def read(self, begin: int, count: int) -> list[ItemName]:
        assert isinstance(self._feed, VaryingFeed)
        self._arrays = self._feed.next_item()
        return [self._feed.item_name(0)]

    def keep(self, begin: int, kept: Sequence[int]) -> None:
        """An item that is left out is overwritten by the next."""

    def next_item(self) -> list[np.ndarray]:
        return self._arrays


class _BookedSink:
    """One file that several nets write, one after the other."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, arrays: Sequence[np.ndarray]) -> None:
        self._sink.write(arrays)

    def close(self) -> None:
        """The book closes it."""

    def really_close(self) -> None:
        self._sink.close()


def _check_alike(what: str, numbers: dict[str, int]) -> None:
    if len(set(numbers.values())) > 1:
        listed = ", ".join(f"{name} {number}" for name, number in numbers.items())
        raise RunError.of("NC515", f"the data layers {what} of different sizes: {listed}", hint="give them one size")
