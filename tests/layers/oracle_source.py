"""The source layers' first batch, and a feed that counts instead of reading files."""

from __future__ import annotations

import numpy as np

from netcli.layers.feeding import Feed
from netcli.schema import caffe_pb2 as pb

Arrays = list[np.ndarray]


class CountingFeed:
    """Item i is filled with i and has the label i mod 10."""

    size = None

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.shape = shape
        self.closed = False
        self._next = 0

    def next_batch(self, data: np.ndarray, labels: np.ndarray | None) -> None:
        assert data.dtype == np.float32
        indices = np.arange(self._next, self._next + len(data))
        data[...] = indices.reshape(-1, 1, 1, 1)
        if labels is not None:
            labels[...] = indices % 10
        self._next += len(data)

    def skip(self, items: int) -> None:
        self._next += items

    def rewind(self) -> None:
        self._next = 0

    def item_name(self, index: int) -> str:
        return f"item {index}"

    def close(self) -> None:
        self.closed = True


class CountingFeeds:
    """Gives every data layer a CountingFeed. ``known`` is what the shape is before anything is opened."""

    def __init__(self, shape: tuple[int, int, int], known: tuple[int, int, int] | None) -> None:
        self._shape = shape
        self._known = known
        self.opened: list[CountingFeed] = []

    def shape(self, layer: pb.LayerParameter) -> tuple[int, int, int] | None:
        return self._known

    def open(self, layer: pb.LayerParameter, phase: int) -> Feed:
        self.opened.append(CountingFeed(self._shape))
        return self.opened[-1]


def counting_feeds(shape: tuple[int, int, int]) -> CountingFeeds:
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
    """The first batch of a CountingFeed of shape (1, 2, 3)."""
    indices = np.arange(param.data_param.batch_size)
    return [np.broadcast_to(indices.reshape(-1, 1, 1, 1), (len(indices), 1, 2, 3)), indices % 10][: len(param.top)]
