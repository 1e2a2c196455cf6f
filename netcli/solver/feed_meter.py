"""Counts what a net has read, times how long it waited for it, and puts it back there after a restore.

It stands between the net and the feeds that a caller gave, so that neither of them knows of it. Items are read
in an order that is a function of their position in the stream; so positions are all that a snapshot needs.

Where several processes read, positions are those of all of them together: a batch that they divide moves all of them
on by the whole of it, and of batches that they read in turns each passes over those of the others.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from netcli.layers.feeding import DealtFeed, Feed, FeedSource, ItemName, ItemShapes, Sink, VaryingFeed
from netcli.layers.share import WHOLE, Share
from netcli.layers.source.fed_layer import FedLayer
from netcli.net import Net
from netcli.schema import caffe_pb2 as pb


class FeedMeter:
    """A FeedSource that passes everything on to ``source`` and watches.

    Args:
        share: the part of each batch that this process reads.
        turns: the number of processes that read whole batches in turns.

    Attributes:
        waited: seconds spent in ``next_batch`` so far.
        items: items read so far by each data layer, from the beginning of the training.
    """

    def __init__(self, source: FeedSource, share: Share = WHOLE, turns: int = 1) -> None:
        self._source = source
        self.share = share
        self.turns = turns
        self._feeds: list[_MeteredFeed] = []
        self._passes = 0
        self.waited = 0.0
        self.items: dict[str, int] = {}

    @property
    def epoch(self) -> float | None:
        """Passes over the set of the first data layer; None where there is no layer with a set of known size."""
        for feed in self._feeds:
            if feed.size:
                return self.items.get(feed.layer, 0) / feed.size
        return None

    def shapes(self, layer: pb.LayerParameter) -> ItemShapes | None:
        return self._source.shapes(layer)

    def open(self, layer: pb.LayerParameter, phase: int) -> Feed:
        inner = self._source.open(layer, phase)
        metered = _MeteredVaryingFeed if isinstance(inner, VaryingFeed) else _MeteredFeed
        feed = metered(self, inner, layer.name)
        self._feeds.append(feed)
        return feed

    def open_sink(self, layer: pb.LayerParameter) -> Sink:
        return self._source.open_sink(layer)

    def read_array(self, layer: pb.LayerParameter, path: str) -> np.ndarray:
        return self._source.read_array(layer, path)

    def forget(self, feed: _MeteredFeed) -> None:
        """A feed has been closed."""
        if feed in self._feeds:
            self._feeds.remove(feed)

    def move_to(self, items: dict[str, int], passes: int) -> None:
        """All layers go on as after ``items[layer]`` items, or after ``passes`` batches where that is not known."""
        self.items = dict(items)
        self._passes = passes
        for feed in self._feeds:
            feed.restart()

    def pass_over(self, net: Net) -> None:
        """It is another process that reads the next batch of ``net``, whole."""
        for step in net.graph.steps:
            if isinstance(step.layer, FedLayer):
                batch = net.graph.shapes[step.tops[0]][0]
                self.items[step.name] = self.position(step.name, batch) + batch

    def position(self, layer: str, batch: int) -> int:
        """Where ``layer``, which reads ``batch`` items at a time, all processes together, stands."""
        return self.items.setdefault(layer, self._passes * batch)


class _MeteredFeed:
    """One feed. It is moved to its position when the first batch is asked for: the batch size is known then."""

    def __init__(self, meter: FeedMeter, feed: Feed, layer: str) -> None:
        self._meter = meter
        self._feed = feed
        self._in_place = False
        self.layer = layer
        self.shapes = feed.shapes
        self.size = feed.size

    def next_batch(self, arrays: Sequence[np.ndarray]) -> None:
        begin = time.perf_counter()
        position = self._go_to(len(arrays[0]))
        self._feed.next_batch(arrays)
        self._meter.items[self.layer] = position
        self._meter.waited += time.perf_counter() - begin

    def skip(self, items: int) -> None:
        if self._in_place:
            self._feed.skip(items)
        self._meter.items[self.layer] = self._meter.items.get(self.layer, 0) + items

    def rewind(self) -> None:
        self.restart()
        self._meter.items[self.layer] = 0

    def restart(self) -> None:
        """Back to the start, to be moved to the position that the meter names then."""
        self._feed.rewind()
        self._in_place = False

    def _go_to(self, items: int) -> int:
        """Sees that the next ``items`` are those that are this process's; returns the position after their batch."""
        meter, share = self._meter, self._meter.share
        batch = share.total(items)
        position = meter.position(self.layer, batch)
        if not self._in_place:
            self._feed.skip(position + share.offset(items))
            if batch * meter.turns != items:
                assert isinstance(self._feed, DealtFeed)
                self._feed.deal(items, batch * meter.turns)
            self._in_place = True
        return position + batch

    def item_name(self, index: int) -> ItemName:
        return self._feed.item_name(index)

    def close(self) -> None:
        self._feed.close()
        self._meter.forget(self)


class _MeteredVaryingFeed(_MeteredFeed):
    """One feed of items that differ in shape."""

    def next_item(self) -> list[np.ndarray]:
        begin = time.perf_counter()
        position = self._go_to(1)
        assert isinstance(self._feed, VaryingFeed)
        arrays = self._feed.next_item()
        self._meter.items[self.layer] = position
        self._meter.waited += time.perf_counter() - begin
        return arrays
