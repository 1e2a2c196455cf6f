"""Features of two dimensions, as a trained net makes them: what a picture of a margin needs.

A run's net ends in a layer with a row of two weights for each class (a margin layer or an InnerProduct); its first
bottom holds the features. Their directions tell what a margin has done: a class fills a sector, and the larger the
margin, the narrower the sector and the wider the gap to the next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netcli.convert.caffemodel import read_weights
from netcli.data.feed import Feeds
from netcli.errors import RunError
from netcli.layers.margin.margin_product import MarginProduct
from netcli.net import Net
from netcli.net.step import Step
from netcli.net.weights import load_weights
from netcli.runs.last_weights import last_weights, solver_of_run
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb

SECTOR_SHARE = 0.9
"""The share of a class's features that its sector holds, the ones nearest to its middle."""


@dataclass(frozen=True)
class PlanarFeatures:
    """What one run has learned.

    Attributes:
        run: the run folder.
        iteration: of the weights.
        margin: m of its last layer; 1 where it has none. ``weight``: its lambda at that iteration; 0 without.
        features: (N, 2); ``labels``: (N,) int.
        class_weights: (classes, 2).
    """

    run: Path
    iteration: int
    margin: float
    weight: float
    features: np.ndarray
    labels: np.ndarray
    class_weights: np.ndarray

    @property
    def accuracy(self) -> float:
        """The share of features that are nearer in angle to their own class's weights than to any other's."""
        units = self.class_weights / np.maximum(np.linalg.norm(self.class_weights, axis=1, keepdims=True), 1e-12)
        return float(((self.features @ units.T).argmax(axis=1) == self.labels).mean())

    def sectors(self) -> dict[int, tuple[float, float]]:
        """Class -> (middle, half width) in radians of the sector that holds ``SECTOR_SHARE`` of its features."""
        angles = np.arctan2(self.features[:, 1], self.features[:, 0])
        found = {}
        for label in np.unique(self.labels):
            own = angles[self.labels == label]
            middle = float(np.angle(np.exp(1j * own).mean()))
            away = np.abs(np.angle(np.exp(1j * (own - middle))))
            found[int(label)] = (middle, float(np.quantile(away, SECTOR_SHARE)))
        return found

    @property
    def sector_width(self) -> float:
        """The mean width of the classes' sectors, in degrees."""
        return float(np.degrees(2 * np.mean([half for _, half in self.sectors().values()])))


def planar_features(run: Path, items: int) -> PlanarFeatures:
    """The features that the last weights of a run give to the first ``items`` items of its test set.

    Args:
        run: a folder that ``netcli train`` has made. Without a test net its training data are taken.

    Raises:
        ConfigError: the run's config cannot be planned.
        RunError: NC550 for no such run, NC551 if its features are not of two dimensions; as data and weights do.
    """
    solver = solver_of_run(run)
    iteration, weights = last_weights(run, solver)
    source = (solver.test_nets() or [solver.train_net()])[0]
    net = Net(source, pb.TEST, feeds=Feeds(source.file), seed=0)
    try:
        load_weights(net, read_weights(str(weights)), str(weights))
        net.context.iteration = iteration
        head = _head(net, run)
        features, labels = _collect(net, head, _labels_of(net, head, run), items)
    finally:
        net.close()
    layer = head.layer
    margin, weight = 1.0, 0.0
    if isinstance(layer, MarginProduct):
        margin, weight = layer.margin, layer.annealing_weight
    return PlanarFeatures(run, iteration, margin, weight, features, labels, _rows(net, head))


def _head(net: Net, run: Path) -> Step:
    """The last layer with a row of weights for each class."""
    heads = [step for step in net.graph.steps if isinstance(step.layer, MarginProduct)]
    heads = heads or [step for step in net.graph.steps if step.layer.type_name == "InnerProduct"]
    if not heads:
        raise RunError.of("NC551", f"the net of '{run}' has neither a margin layer nor an InnerProduct")
    rows = heads[-1].layer.declarations[0].shape
    if rows[1] != 2:
        raise RunError.of(
            "NC551", f"the features of '{run}' cannot be drawn in a plane", layer=heads[-1].layer.name,
            layer_type=heads[-1].layer.type_name, expected="2 dimensions", actual=rows[1],
            hint="configs/digits_margin has such nets",
        )  # fmt: skip
    return heads[-1]


def _labels_of(net: Net, head: Step, run: Path) -> str:
    """The blob of labels: the head's own, or that of what reads the head's scores."""
    if len(head.bottoms) > 1:
        return head.bottoms[1]
    scores = head.tops[0]
    for step in net.graph.steps:
        if len(step.bottoms) > 1 and step.bottoms[0].startswith(scores):
            return step.bottoms[1]
    raise RunError.of("NC551", f"nothing in the net of '{run}' compares '{scores}' with labels")


def _collect(net: Net, head: Step, labels: str, items: int) -> tuple[np.ndarray, np.ndarray]:
    features: list[np.ndarray] = []
    found: list[np.ndarray] = []
    while sum(map(len, found)) < items:
        net.forward()
        found.append(net.blobs[labels].values.read(PLAIN).reshape(-1).astype(np.int64))
        features.append(net.blobs[head.bottoms[0]].values.read(PLAIN).reshape(len(found[-1]), -1).copy())
    return np.concatenate(features)[:items], np.concatenate(found)[:items]


def _rows(net: Net, head: Step) -> np.ndarray:
    return head.layer.params[0].values.read(PLAIN).copy()
