"""The source layers' first batch, and a feed that counts instead of reading files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.feeding import Feed, ItemName, ItemShapes
from netcli.schema import caffe_pb2 as pb

Arrays = list[np.ndarray]


class CountingFeed:
    """Item i is filled with i; arrays of one number for each item, labels, hold i mod 10."""

    size = None

    def __init__(self, shapes: ItemShapes) -> None:
        self.shapes = shapes
        self.closed = False
        self._next = 0

    def next_batch(self, arrays: Sequence[np.ndarray]) -> None:
        assert all(array.dtype == np.float32 for array in arrays)
        indices = np.arange(self._next, self._next + len(arrays[0]))
        for array in arrays:
            array[...] = (indices if array.ndim > 1 else indices % 10).reshape(-1, *[1] * (array.ndim - 1))
        self._next += len(indices)

    def skip(self, items: int) -> None:
        self._next += items

    def rewind(self) -> None:
        self._next = 0

    def item_name(self, index: int) -> ItemName:
        return ItemName(str(index), f"item {index}")

    def close(self) -> None:
        self.closed = True


class CountingFeeds:
    """Gives every data layer a CountingFeed. ``known`` are the first top's shapes before anything is opened."""

    def __init__(self, shape: tuple[int, ...], known: tuple[int, ...] | None) -> None:
        self._shape = shape
        self._known = known
        self.opened: list[CountingFeed] = []
        self.written: list[list[np.ndarray]] = []

    def shapes(self, layer: pb.LayerParameter) -> ItemShapes | None:
        return None if self._known is None else (self._known, *[()] * (len(layer.top) - 1))

    def open(self, layer: pb.LayerParameter, phase: int) -> Feed:
        self.opened.append(CountingFeed((self._shape, *[()] * (len(layer.top) - 1))))
        return self.opened[-1]

    def open_sink(self, layer: pb.LayerParameter) -> ListSink:
        return ListSink(self.written)


class ListSink:
    """Keeps copies of the batches."""

    def __init__(self, written: list[list[np.ndarray]]) -> None:
        self._written = written

    def write(self, arrays: Sequence[np.ndarray]) -> None:
        self._written.append([array.copy() for array in arrays])

    def close(self) -> None:
        self._written.append([])


def counting_feeds(shape: tuple[int, ...]) -> CountingFeeds:
    """Feeds whose shape is known."""
    return CountingFeeds(shape, shape)


def input_blobs(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    """Untouched: zeros, as blobs are at first."""
    shapes = param.input_param.shape
    return [np.zeros(tuple(shapes[i % len(shapes)].dim)) for i in range(len(param.top))]


def dummy_data(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    """Constant fillers and the new form of shapes only."""
    settings = param.dummy_data_param
    values = [filler.value for filler in settings.data_filler] or [0.0]
    shapes = [tuple(shape.dim) for shape in settings.shape]
    return [np.full(shapes[i % len(shapes)], values[i % len(values)]) for i in range(len(param.top))]


def data(param: pb.LayerParameter, bottoms: Arrays, params: Arrays) -> Arrays:
    """The first batch of a CountingFeed of shape (1, 2, 3), whatever the type of the layer."""
    sizes = (param.data_param, param.image_data_param, param.hdf5_data_param, param.window_data_param)
    indices = np.arange(next(settings.batch_size for settings in sizes if settings.HasField("batch_size")))
    images = np.broadcast_to(indices.reshape(-1, 1, 1, 1), (len(indices), 1, 2, 3))
    return [images, *[indices % 10] * (len(param.top) - 1)]
