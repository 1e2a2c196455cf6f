"""A parameter as the solver sees it."""

from __future__ import annotations

from dataclasses import dataclass

from netcli.runtime.blob import Blob


@dataclass(frozen=True)
class Learnable:
    """A parameter blob, each once, by its owner: layer and position there, and its multipliers."""

    blob: Blob
    lr_mult: float
    decay_mult: float
    layer: str
    index: int
