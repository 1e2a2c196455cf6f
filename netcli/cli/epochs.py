"""``--epochs``: passes over the training set, as iterations."""

from __future__ import annotations

import math

from netcli.data.feed import Feeds
from netcli.errors import RunError
from netcli.layers.source.fed_layer import FedLayer
from netcli.net.graph import build_graph
from netcli.prototxt import SolverSource
from netcli.schema import caffe_pb2 as pb


def iterations_of(source: SolverSource, epochs: float, batches: int = 1) -> int:
    """How many iterations read the set of the first data layer ``epochs`` times, rounded up to whole ones.

    An iteration reads ``iter_size`` times ``batches`` batches.

    Raises:
        ConfigError: the net cannot be planned. RunError: NC515 if its data have no end, or cannot be read.
    """
    net = source.train_net()
    feeds = Feeds(net.file)
    for step in build_graph(net, pb.TRAIN, feeds=feeds).steps:
        if isinstance(step.layer, FedLayer):
            feed = feeds.open(step.layer.param, pb.TRAIN)
            size = feed.size
            feed.close()
            if size is not None:
                batch = step.layer.setup([])[0][0]
                return max(1, math.ceil(epochs * size / (batch * source.param.iter_size * batches)))
    raise RunError.of(
        "NC515", "the net reads no set with an end, so there are no epochs", hint="pass --max-iter N instead"
    )
