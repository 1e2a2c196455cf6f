"""Data for commands that need their shapes, but not themselves: ``show``, ``check``, ``time`` and ``gradcheck``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.feeding import Feed, FeedSource, ItemName, ItemShapes, Sink
from netcli.layers.source.memory_data import MemoryData
from netcli.net.net import Net
from netcli.runtime.blob import Shape
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

    def shapes(self, layer: pb.LayerParameter) -> ItemShapes | None:
        """The shape that was given, else what the data say, else what the settings of the layer imply."""
        if self._item_shape is None:
            known = self._source.shapes(layer)
            if known is not None:
                return known
        item = self._item_shape or implied_shape(layer)
        return None if item is None else (item, *[()] * (len(layer.top) - 1))

    def open(self, layer: pb.LayerParameter, phase: int) -> Feed:
        """A feed of values between 0 and 1; labels are all 0."""
        shapes = self.shapes(layer)
        assert shapes is not None, "the net was planned with these shapes"
        return self._feed_of(shapes)

    def _feed_of(self, shapes: ItemShapes) -> Feed:
        return FixedFeed(shapes)

    def open_sink(self, layer: pb.LayerParameter) -> Sink:
        """Somewhere to write what nobody wants."""
        return NoSink()

    def read_array(self, layer: pb.LayerParameter, path: str) -> np.ndarray:
        """What stands in the file: it is part of the net, unlike the data."""
        return self._source.read_array(layer, path)


class FixedFeed:
    """One batch of random values in [0, 1), drawn once for each batch size; tops of one value an item are 0."""

    def __init__(self, shapes: ItemShapes) -> None:
        self.shapes = shapes
        self.size: int | None = None
        self._batch: list[np.ndarray] = []

    def next_batch(self, arrays: Sequence[np.ndarray]) -> None:
        """Fills each of ``arrays`` (N, *shape) with the fixed values."""
        if not self._batch or len(self._batch[0]) != len(arrays[0]):
            self._batch = [_fixed_values(array.shape, index) for index, array in enumerate(arrays)]
        for array, values in zip(arrays, self._batch, strict=True):
            array[...] = values

    def skip(self, items: int) -> None:
        """All items are alike."""

    def rewind(self) -> None:
        """All items are alike."""

    def item_name(self, index: int) -> ItemName:
        return ItemName(str(index), f"item {index} of a fixed batch")

    def close(self) -> None:
        """Nothing is held."""


class NoSink:
    """Takes batches and keeps nothing."""

    def write(self, arrays: Sequence[np.ndarray]) -> None:
        """Forgets ``arrays``."""

    def close(self) -> None:
        """Nothing is held."""


def fill_memory_layers(net: Net) -> bool:
    """Gives each MemoryData layer of ``net`` a batch like that of a ``FixedFeed``; whether there was one."""
    layers = [layer for layer in net.layers if isinstance(layer, MemoryData)]
    for layer in layers:
        data, labels = layer.setup(())
        layer.reset(_fixed_values(data, 0), _fixed_values(labels, 1))
    return bool(layers)


def _fixed_values(shape: Shape, index: int) -> np.ndarray:
    """Random values in [0, 1), or zeros for one value an item: a label that every net knows."""
    return stream(0, "fixed batch", index).random(shape, dtype=np.float32) * (len(shape) > 1)


def implied_shape(layer: pb.LayerParameter) -> ItemShape | None:
    """(C, H, W) as far as a crop or a new size implies it: in colour, unless the settings say otherwise."""
    transform, images = layer.transform_param, layer.image_data_param
    grey = transform.force_gray or (layer.HasField("image_data_param") and not images.is_color)
    channels = 1 if grey else max(3, len(transform.mean_value))
    if transform.crop_size:
        return channels, transform.crop_size, transform.crop_size
    if images.new_height and images.new_width:
        return channels, images.new_height, images.new_width
    return None
