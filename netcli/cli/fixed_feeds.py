"""Feeds for commands that need the shape of the data, but not the data: ``show``, ``check`` and ``time``."""

from __future__ import annotations

import numpy as np

from netcli.layers.feeding import Feed, FeedSource
from netcli.runtime.streams import stream
from netcli.schema import caffe_pb2 as pb

ItemShape = tuple[int, int, int]


class FixedFeeds:
    """Opens feeds that give the same batch over and over.

    Args:
        source: asked for the shapes of the items.
        item_shape: (C, H, W) of an item after the transform; stands in for whatever ``source`` knows.
    """

    def __init__(self, source: FeedSource, item_shape: ItemShape | None = None) -> None:
        self._source = source
        self._item_shape = item_shape

    def shape(self, layer: pb.LayerParameter) -> ItemShape | None:
        """The shape that was given, else what the data say, else what the transform of the layer implies."""
        return self._item_shape or self._source.shape(layer) or implied_shape(layer)

    def open(self, layer: pb.LayerParameter, phase: int) -> Feed:
        """A feed of grey values; its labels are all 0."""
        shape = self.shape(layer)
        assert shape is not None, "the net was planned with this shape"
        return FixedFeed(shape)

    def read_array(self, layer: pb.LayerParameter, path: str) -> np.ndarray:
        """What stands in the file: it is part of the net, unlike the data."""
        return self._source.read_array(layer, path)


class FixedFeed:
    """One batch of random values in [0, 1), drawn once for each batch size."""

    def __init__(self, shape: ItemShape) -> None:
        self.shape = shape
        self.size: int | None = None
        self._values = np.empty((0, *shape), np.float32)

    def next_batch(self, data: np.ndarray, labels: np.ndarray | None) -> None:
        """Fills ``data`` (N, C, H, W) with the fixed values and ``labels`` (N,) with 0."""
        if len(self._values) != len(data):
            self._values = stream(0, "fixed batch").random(data.shape, dtype=np.float32)
        data[...] = self._values
        if labels is not None:
            labels.fill(0)

    def skip(self, items: int) -> None:
        """All items are alike."""

    def rewind(self) -> None:
        """All items are alike."""

    def item_name(self, index: int) -> str:
        return f"item {index} of a fixed batch"

    def close(self) -> None:
        """Nothing is held."""


def implied_shape(layer: pb.LayerParameter) -> ItemShape | None:
    """(C, H, W) as far as a crop implies it: square, and in colour unless the transform says otherwise."""
    transform = layer.transform_param
    if not transform.crop_size:
        return None
    channels = 1 if transform.force_gray else max(3, len(transform.mean_value))
    return channels, transform.crop_size, transform.crop_size
