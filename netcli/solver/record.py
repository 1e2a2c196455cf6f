"""What a snapshot keeps beyond Caffe's: all that a run needs to go on as if it had never stopped.

The schedules, and the lambda of margin layers, are functions of the iteration, so there is nothing of theirs to keep.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from netcli import __version__
from netcli.prototxt import SolverSource, filtered, to_text
from netcli.schema import caffe_pb2 as pb

SCHEMA = 2

_UNSEEN_BY_THE_WEIGHTS = (
    "average_loss", "debug_info", "device_id", "display", "layer_wise_reduce", "net", "net_param", "snapshot",
    "snapshot_after_train", "snapshot_diff", "snapshot_format", "snapshot_prefix", "solver_mode",
    "test_compute_loss", "test_initialization", "test_interval", "test_iter", "test_net", "test_net_param",
    "test_state", "train_net", "train_net_param", "train_state", "weights",
)  # fmt: skip
"""Fields of a solver that do not change what the next iteration makes of the weights; the net is added apart."""

_POLICIES_TO_MAX_ITER = ("poly", "cosine")


@dataclass(frozen=True)
class Reading:
    """How far a net has come: forward passes, and items read by each data layer."""

    passes: int = 0
    items: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """The part of a state that Caffe does not have.

    Attributes:
        seed: of everything random.
        readings: the training net's, then those of the test nets.
        weights_sha256: of the file of weights; empty in records of schema 1.
        config: ``training_config`` of the run.
        solver_type, net: whose state it is.
        versions: of the program and of what it computes with.
        kept: what listeners want to find again, e.g. the best test so far.
        checksum: ``checksum_of`` the whole state; empty in records of schema 1.
    """

    seed: int
    readings: tuple[Reading, ...]
    weights_sha256: str = ""
    config: str = ""
    solver_type: str = ""
    net: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    checksum: str = ""

    def to_json(self) -> str:
        """One line. ``from_json`` reads it."""
        return json.dumps({"schema": SCHEMA, **asdict(self)})

    @classmethod
    def from_json(cls, text: str | bytes) -> Record:
        """Raises ValueError, KeyError or TypeError where ``text`` is no record."""
        content = json.loads(text)
        content["readings"] = tuple(Reading(reading["passes"], reading["items"]) for reading in content["readings"])
        if content.pop("schema") >= SCHEMA and not content["checksum"]:
            raise ValueError("it has no checksum")
        return cls(**content)


def training_config(source: SolverSource, seed: int, frozen: Sequence[str] = ()) -> str:
    """All that decides what training makes of the weights, as prototxt: the solver's fields and the training net.

    Two runs whose texts agree go on alike from the same snapshot. ``max_iter`` is part of it only where the
    learning rate depends on it; paths stand as they are written.
    """
    param = pb.SolverParameter()
    param.CopyFrom(source.param)
    for name in _UNSEEN_BY_THE_WEIGHTS:
        param.ClearField(name)
    if param.lr_policy not in _POLICIES_TO_MAX_ITER:
        param.ClearField("max_iter")
    param.random_seed = seed
    train = source.train_net()
    net = filtered(train, train.param.state).param
    marks = "".join(f"# frozen: {pattern}\n" for pattern in sorted(frozen))
    return f"{to_text(param)}{marks}# the training net\n{to_text(net)}"


@functools.cache
def versions() -> dict[str, str]:
    """Of netcli and of what it computes with."""
    packages = ("numpy", "numba")
    return {"netcli": __version__, **{name: importlib.metadata.version(name) for name in packages}}


def checksum_of(
    iteration: int, learned_net: str, history: Sequence[np.ndarray], current_step: int, record: Record
) -> str:
    """SHA-256 over all values of a state but the checksum itself, the same in either format."""
    values = asdict(record)
    del values["checksum"]
    digest = hashlib.sha256(json.dumps([iteration, learned_net, current_step, values], sort_keys=True).encode())
    for array in history:
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
