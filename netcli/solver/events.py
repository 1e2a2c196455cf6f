"""What a solver tells while it works, and what it may be asked. Listeners make bars, lines and files of it.

Iterations are Caffe's: ``Train(iteration=i)`` is about the forward pass of iteration i (from 0), made with the
weights after i updates; ``Test`` and ``Snapshot`` are about the weights after that many updates.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path

Outputs = dict[str, float | list[float]]
"""The net's outputs by blob name: a number where the blob has one element, else all of them, flat."""


class Request(enum.Enum):
    """What a signal handler or a listener may ask of a running solver."""

    # Enum's own is written in Python, and each iteration looks for all three.
    __hash__ = object.__hash__

    STOP = "stop"
    """Finish the iteration, write a snapshot, end."""
    SNAPSHOT = "snapshot"
    """Finish the iteration, write a snapshot, go on."""
    FINISH = "finish"
    """As STOP, but the run is complete: it has nothing more to gain."""


@dataclass(frozen=True, slots=True)
class Started:
    """``solve`` begins. ``batch_size`` counts the images of one pass, of which an iteration has ``iter_size``."""

    iteration: int
    max_iter: int
    seed: int
    batch_size: int
    iter_size: int
    test_nets: int


@dataclass(frozen=True, slots=True)
class Progress:
    """An iteration is over: ``iteration`` updates have been made so far. Cheap, for a live display."""

    iteration: int
    loss: float


@dataclass(frozen=True, slots=True)
class Train:
    """A display iteration.

    Attributes:
        lr: the rate of this iteration's update.
        loss: of this iteration, mean over its passes; ``smoothed_loss``: mean over the last average_loss ones.
        outputs: of the last pass; ``loss_weights``: of those outputs that have one.
        lambdas: annealing values of margin layers by layer name.
        iterations, images, seconds: since the last display, without tests and snapshots.
        data_wait: share of these seconds, 0 to 1, spent waiting for data.
        epoch: passes over the training set so far; None if nothing is read from a set.
        comm_wait: share of these seconds spent waiting for other processes; None where there are none.
    """

    iteration: int
    lr: float
    loss: float
    smoothed_loss: float
    outputs: Outputs
    loss_weights: dict[str, float]
    iterations: int
    images: int
    seconds: float
    data_wait: float
    epoch: float | None
    lambdas: dict[str, float] = field(default_factory=dict)
    comm_wait: float | None = None


@dataclass(frozen=True, slots=True)
class Test:
    """A test of one net: means over ``iterations`` batches. ``loss`` only with test_compute_loss."""

    iteration: int
    net: int
    outputs: Outputs
    loss_weights: dict[str, float]
    images: int
    iterations: int
    seconds: float
    loss: float | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Both files are on the disk; ``state`` is None where only the weights were kept, as the best so far."""

    iteration: int
    weights: Path
    state: Path | None


@dataclass(frozen=True, slots=True)
class ValueRange:
    """The finite values of an array: 0 where there are none. ``not_finite`` counts the others."""

    min: float
    max: float
    mean: float
    not_finite: int


@dataclass(frozen=True, slots=True)
class BlobSummary:
    """A top, or a parameter ("param 0"), of ``layer``: its values, and their gradients if they have been kept."""

    layer: str
    blob: str
    data: ValueRange
    diff: ValueRange | None


@dataclass(frozen=True, slots=True)
class Diverged:
    """The loss is no number, stuck at 87.3365, or exploding.

    Attributes:
        layer, blob: the first blob in the net's order with such values; None where all look sound.
        reason: in words.
        lambdas: of margin layers by layer name.
        labels: smallest and largest label of the batch, by blob.
        blobs: all of them, in the net's order.
    """

    iteration: int
    lr: float
    loss: float
    layer: str | None
    blob: str | None
    reason: str = "the loss is not finite"
    lambdas: dict[str, float] = field(default_factory=dict)
    labels: dict[str, tuple[float, float]] = field(default_factory=dict)
    blobs: tuple[BlobSummary, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """``solve`` ends: ``reason`` is "max_iter", "interrupted" or "patience"; ``seconds`` of the whole run."""

    iteration: int
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Debug:
    """A line of debug_info."""

    line: str


Event = Started | Progress | Train | Test | Snapshot | Diverged | Finished | Debug
