"""The feeds of a net that is timed: one batch for ever at first, then the net's own data."""

from __future__ import annotations

import numpy as np

from netcli.cli.fixed_feeds import FixedFeeds, NoSink
from netcli.data.builtin import builtin_is_made, is_builtin
from netcli.errors import RunError
from netcli.layers.feeding import Feed, FeedSource, ItemShapes, Sink
from netcli.net.net import Net
from netcli.schema import caffe_pb2 as pb
from netcli.solver.feed_meter import FeedMeter


class TimedFeeds:
    """A FeedSource that gives fixed batches until ``use_data`` is called. Nothing is ever written.

    Args:
        fixed: makes the batches.
        own: opens the net's own data.
    """

    def __init__(self, fixed: FixedFeeds, own: FeedSource) -> None:
        self._fixed = fixed
        self._meter = FeedMeter(_AtHand(own))
        self._current: FeedSource = fixed

    def use_data(self, net: Net) -> FeedMeter:
        """From the next pass on the layers of ``net`` read their own data, as the meter sees."""
        net.close()
        self._current = self._meter
        return self._meter

    def shapes(self, layer: pb.LayerParameter) -> ItemShapes | None:
        return self._fixed.shapes(layer)

    def open(self, layer: pb.LayerParameter, phase: int) -> Feed:
        return self._current.open(layer, phase)

    def open_sink(self, layer: pb.LayerParameter) -> Sink:
        return NoSink()

    def read_array(self, layer: pb.LayerParameter, path: str) -> np.ndarray:
        return self._fixed.read_array(layer, path)


class _AtHand:
    """``source``, but that built-in sets are not made for it: that may take longer than all that is timed."""

    def __init__(self, source: FeedSource) -> None:
        self._source = source

    def shapes(self, layer: pb.LayerParameter) -> ItemShapes | None:
        return self._source.shapes(layer)

    def open(self, layer: pb.LayerParameter, phase: int) -> Feed:
        name = layer.data_param.source
        if layer.type == "Data" and is_builtin(name) and not builtin_is_made(name):
            raise RunError.of("NC219", f"{name} has not been drawn yet")
        return self._source.open(layer, phase)

    def open_sink(self, layer: pb.LayerParameter) -> Sink:
        return self._source.open_sink(layer)

    def read_array(self, layer: pb.LayerParameter, path: str) -> np.ndarray:
        return self._source.read_array(layer, path)
