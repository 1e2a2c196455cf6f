"""Small nets, solvers over them, and data that are a function of the position in their stream."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netcli.layers.feeding import ItemName, ItemShapes
from netcli.prototxt import NetSource, SolverSource
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb
from netcli.solver import Solver, events

RATE = 'base_lr: 0.1 lr_policy: "fixed" random_seed: 7 '

DUMMY_DATA = """
layer { name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param { shape { dim: 4 dim: 6 } shape { dim: 4 }
    data_filler { type: "gaussian" std: 1 } data_filler { type: "constant" value: 1 } } }
"""
CLASSIFIER = """
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
DROPOUT_NET = (
    DUMMY_DATA
    + """
layer { name: "hidden" type: "InnerProduct" bottom: "data" top: "hidden"
  inner_product_param { num_output: 8 weight_filler { type: "xavier" } } }
layer { name: "drop" type: "Dropout" bottom: "hidden" top: "hidden" }
layer { name: "ip" type: "InnerProduct" bottom: "hidden" top: "ip"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
)


def data_net(batch: int) -> str:
    """A classifier over a Data layer; pair it with ``StreamFeeds``."""
    data = f'data_param {{ source: "stream" batch_size: {batch} backend: LMDB }}'
    return f'layer {{ name: "data" type: "Data" top: "data" top: "label" {data} }}' + CLASSIFIER


class StreamFeed:
    """Item i is drawn from a generator of seed i modulo ``size``."""

    shape = (6, 1, 1)
    shapes: ItemShapes = (shape, ())

    def __init__(self, size: int = 10) -> None:
        self.size: int | None = size
        self.position = 0
        self.read: list[int] = []

    def next_batch(self, arrays: Sequence[np.ndarray]) -> None:
        for row in range(len(arrays[0])):
            assert self.size is not None
            index = self.position % self.size
            self.read.append(index)
            arrays[0][row] = np.random.default_rng(index).standard_normal(self.shape)
            for labels in arrays[1:]:
                labels[row] = index % 3
            self.position += 1

    def skip(self, items: int) -> None:
        self.position += items

    def rewind(self) -> None:
        self.position = 0

    def item_name(self, index: int) -> ItemName:
        return ItemName(str(index), f"item {index}")

    def close(self) -> None:
        pass


class StreamFeeds:
    """A FeedSource that remembers what it opened."""

    def __init__(self, source: NetSource | None = None) -> None:
        self.opened: list[StreamFeed] = []

    def shapes(self, layer: pb.LayerParameter) -> ItemShapes | None:
        return StreamFeed.shapes

    def open(self, layer: pb.LayerParameter, phase: int) -> StreamFeed:
        self.opened.append(StreamFeed())
        return self.opened[-1]


def solver_source(settings: str, net: str = DUMMY_DATA + CLASSIFIER) -> SolverSource:
    """A consolidated solver."""
    return SolverSource.from_text(f"{settings}\nnet_param {{ {net} }}", "solver.prototxt")


def make_solver(settings: str = "", net: str = DUMMY_DATA + CLASSIFIER, **keywords) -> Solver:
    """A solver of fixed rate and seed over ``net``."""
    return Solver(solver_source(RATE + settings, net), **keywords)


def all_weights(solver: Solver) -> list[np.ndarray]:
    """Copies of all parameters."""
    return [item.blob.values.read(PLAIN).copy() for item in solver.net.learnable]


def told(happened: list[events.Event]) -> list[str]:
    """Events as short words: "test 0", "train 3", ..."""
    return [f"{type(event).__name__.lower()} {event.iteration}" for event in happened if hasattr(event, "iteration")]
