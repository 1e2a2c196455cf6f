"""What a classifying net says of every item: gathered while ``netcli test`` runs it."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netcli.errors import RunError, did_you_mean
from netcli.layers.feeding import ItemName
from netcli.layers.source.fed_layer import FedLayer
from netcli.net.batch import batch_size
from netcli.net.net import Net
from netcli.net.step import Step
from netcli.runtime.blob import PLAIN
from netcli.schema import caffe_pb2 as pb

READERS = ("Accuracy", "SoftmaxWithLoss", "MultinomialLogisticLoss", "InfogainLoss", "HingeLoss")
"""Layer types whose bottoms are scores and labels, the most telling first."""


@dataclass(frozen=True)
class Roles:
    """Which blobs of a net are what.

    Attributes:
        scores: (N, classes); ``name`` is what the prototxt calls it.
        are_probabilities: they sum to 1 already.
        labels: one for each item; None where the net has none.
        ignored: a label that does not count.
        images: what the first layer that reads images gives; ``data_layer`` is that layer. None without one.
    """

    scores: str
    name: str
    are_probabilities: bool
    labels: str | None
    ignored: int | None
    images: str | None
    data_layer: pb.LayerParameter | None


def roles_of(net: Net, wanted: str | None) -> Roles:
    """The roles that blobs play in ``net``.

    Args:
        wanted: the scores; None for what the last Accuracy reads, else the last loss, else what the last Softmax makes.

    Raises:
        RunError: NC572 if there is no such blob, or it holds no scores.
    """
    steps = net.graph.steps
    reader = _reader(steps, wanted)
    softmaxes = [step for step in steps if step.layer.type_name == "Softmax"]
    if wanted is not None:
        scores = wanted
    elif reader is not None:
        scores = reader.bottoms[0]
    elif softmaxes:
        scores = softmaxes[-1].tops[0]
    else:
        raise RunError.of(
            "NC572", "the net has no scores of classes that could be looked into",
            expected=f"a layer of type {', '.join(READERS)} or Softmax", hint="name the blob by --scores",
        )  # fmt: skip
    _check_scores(net, scores)
    labels = None if reader is None else reader.bottoms[1]
    if labels is not None and math.prod(net.blobs[labels].shape) != net.blobs[scores].shape[0]:
        labels = None
    name = _origin(steps, scores)
    made_by = [step.layer.type_name for step in steps if name in step.tops]
    fed = [step for step in steps if isinstance(step.layer, FedLayer)]
    data = next((step for step in fed if len(net.blobs[step.tops[0]].shape) == 4), None)
    return Roles(
        scores,
        name,
        made_by[-1] == "Softmax" or (reader is not None and reader.layer.type_name in READERS[2:4]),
        labels,
        _ignored(reader),
        None if data is None else data.tops[0],
        None if data is None else data.layer.param,
    )


@dataclass(frozen=True)
class Classified:
    """What the net said, one entry for each item in the order of the set.

    Attributes:
        keys: what names the items in their set.
        classes: how many there are.
        labels: int64, -1 for an item whose label does not count; None where the net has no labels.
        predicted: the classes with the best scores, int64.
        probability: of the predicted class.
        label_probability: of the label; NaN where it does not count.
        rank: other classes whose score is at least that of the label.
    """

    keys: list[str]
    classes: int
    labels: np.ndarray | None
    predicted: np.ndarray
    probability: np.ndarray
    label_probability: np.ndarray
    rank: np.ndarray

    def counted(self) -> np.ndarray:
        """Which items have a label that counts."""
        return np.zeros(len(self.keys), bool) if self.labels is None else self.labels >= 0

    def top(self, k: int) -> float:
        """Share of the items whose label is among the ``k`` best, ties against it, as Caffe's Accuracy counts."""
        counted = self.counted()
        return float((self.rank[counted] < k).mean()) if counted.any() else 0.0


@dataclass(frozen=True)
class WorstImage:
    """An image as the data layer gave it, and what became of it; ``index`` counts items in the order of the set."""

    pixels: np.ndarray
    index: int


class Classifying:
    """An observer of ``evaluate`` that keeps what the net says of each item.

    Args:
        roles: of the net's blobs.
        worst: how many images to keep, of those with the least probability of their label.
    """

    def __init__(self, roles: Roles, worst: int = 0) -> None:
        self.roles = roles
        self._worst = worst
        self._heap: list[tuple[float, int, np.ndarray]] = []
        self._keys: list[str] = []
        self._batches: list[tuple[np.ndarray, ...]] = []
        self._classes = 0

    def __call__(self, net: Net, items: int, names: Sequence[ItemName]) -> None:
        scores = net.blobs[self.roles.scores].values.read(PLAIN).reshape(items, -1).astype(np.float64)
        self._classes = scores.shape[1]
        probabilities = scores if self.roles.are_probabilities else _softmax(scores)
        rows = np.arange(items)
        predicted = scores.argmax(axis=1)
        labels, known = self._labels(net, items)
        own = np.where(known, labels, 0)
        not_below = (scores >= scores[rows, own][:, None]).sum(axis=1) - 1
        label_probability = np.where(known, probabilities[rows, own], np.nan)
        first = len(self._keys)
        self._keys += [name.key for name in names] or [str(first + row) for row in range(items)]
        self._batches.append((labels, predicted, probabilities[rows, predicted], label_probability, not_below))
        if self._worst and self.roles.images is not None:
            images = net.blobs[self.roles.images].values.read(PLAIN)
            for row in np.flatnonzero(known).tolist():
                self._offer(float(label_probability[row]), first + row, images[row])

    def classified(self) -> Classified:
        """Everything that was gathered."""
        labels, predicted, probability, label_probability, rank = map(
            np.concatenate, zip(*self._batches, strict=True)
        )  # fmt: skip
        known = None if self.roles.labels is None else labels
        return Classified(self._keys, self._classes, known, predicted, probability, label_probability, rank)

    def worst(self) -> list[WorstImage]:
        """The images that were kept, the worst first."""
        ordered = sorted(self._heap, key=lambda entry: (-entry[0], -entry[1]))
        return [WorstImage(pixels, -index) for _, index, pixels in ordered]

    def _labels(self, net: Net, items: int) -> tuple[np.ndarray, np.ndarray]:
        """(N,) int64, -1 where there is none that counts, and where there is one."""
        if self.roles.labels is None:
            return np.full(items, -1, np.int64), np.zeros(items, bool)
        labels = net.blobs[self.roles.labels].values.read(PLAIN).reshape(-1).astype(np.int64)
        counts = (labels >= 0) & (labels < self._classes)
        if self.roles.ignored is not None:
            counts &= labels != self.roles.ignored
        return np.where(counts, labels, -1), counts

    def _offer(self, probability: float, index: int, pixels: np.ndarray) -> None:
        """Keeps the image if it is among the worst so far; of equal ones the first in the set."""
        entry = (-probability, -index)
        if len(self._heap) < self._worst:
            heapq.heappush(self._heap, (*entry, pixels.copy()))
        elif entry > self._heap[0][:2]:
            heapq.heapreplace(self._heap, (*entry, pixels.copy()))


def _reader(steps: Sequence[Step], wanted: str | None) -> Step | None:
    """The last layer of the first of READERS that there is, reading ``wanted`` if that is given and any does."""
    found = [step for kind in READERS for step in reversed(steps) if step.layer.type_name == kind]
    named = [step for step in found if wanted is None or _origin(steps, step.bottoms[0]) == wanted]
    return next(itertools.chain(named, found), None)


def _origin(steps: Sequence[Step], blob: str) -> str:
    """The blob that ``blob`` is a split's copy of, or itself."""
    return next((step.bottoms[0] for step in steps if step.layer.type_name == "Split" and blob in step.tops), blob)


def _ignored(reader: Step | None) -> int | None:
    if reader is None:
        return None
    param = reader.layer.param
    settings = param.accuracy_param if reader.layer.type_name == "Accuracy" else param.loss_param
    return settings.ignore_label if settings.HasField("ignore_label") else None


def _check_scores(net: Net, scores: str) -> None:
    if scores not in net.blobs:
        hint, suggestion = did_you_mean(scores, net.blobs)
        raise RunError.of("NC572", f"the net has no blob '{scores}'", hint=hint, suggestion=suggestion)
    shape = net.blobs[scores].shape
    items = batch_size(net)
    if len(shape) < 2 or math.prod(shape[2:]) != 1 or shape[1] < 2 or shape[0] != items:
        raise RunError.of(
            "NC572", f"blob '{_origin(net.graph.steps, scores)}' holds no scores of classes",
            expected=f"a shape of ({items}, classes)", actual=shape, hint="name another blob by --scores",
        )  # fmt: skip


def _softmax(scores: np.ndarray) -> np.ndarray:
    exponents = np.exp(scores - scores.max(axis=1, keepdims=True))
    found: np.ndarray = exponents / exponents.sum(axis=1, keepdims=True)
    return found
